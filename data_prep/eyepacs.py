"""``python -m data_prep eyepacs``: the fundus photographs of EyePACS as a dataset folder."""

from __future__ import annotations

import argparse
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_prep.checks import check_left_out, check_seed_and_workers, check_share_option, checked_out
from data_prep.contact_sheet import Pair, write_contact_sheet
from data_prep.eyepacs_labels import GRADES, TARGETS, Eye, read_labels
from data_prep.image_finder import find_images
from data_prep.last_steps import print_next, unwritten_datalist
from data_prep.picture_notes import noted, picture_note, print_noted
from data_prep.record import Record, file_sha256, opened_folder
from data_prep.repeated_pictures import drop_repeats
from data_prep.splitter import Splitter
from monai_mocoi.atomic_write import atomic_path, remove_leftovers
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.datalist import SPLITS, write_datalist
from monai_mocoi.data.errors import DatasetError, RefusedError
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.transforms.fundus_disc import MIN_SIDE, FundusError, crop_to_disc, find_disc
from monai_mocoi.transforms.image_errors import ImageReadError
from monai_mocoi.transforms.reader import read_image

NAME = "EyePACS"
SHEET_NAME = "contact_sheet.png"
MOVED = 0.03
"""Share of the radius by which the disc of a cropped picture may be found elsewhere before it is reported."""
SUFFIXES = (".jpeg", ".jpg", ".png")

_MISSING = "no such file in --images"
_NOT_IN_SPLIT = "not in the given split"
_UNREADABLE = "unreadable: "
_REJECTED = "photograph rejected: "
_SMALL, _CUT_AGAIN = 1, 2  # notes of the record

Exclusions = dict[str, list[str]]
Splits = dict[str, list[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add = parser.add_argument
    add("--images", nargs="+", required=True, metavar="DIR", help="folders with <id>_left.jpeg and <id>_right.jpeg")
    add("--labels", nargs="+", required=True, metavar="CSV", help="trainLabels.csv (image, level), or several such")
    add("--out", required=True, metavar="DIR", help="the dataset folder to make or go on with")
    add(
        "--target",
        choices=list(TARGETS),
        default="referable",
        help="referable: level 2 or more (default); any: 1 or more; grade: the five levels",
    )
    add("--size", type=int, default=299, metavar="PX", help="rows and columns of the cropped fundus (default 299)")
    add("--mirror-left", action="store_true", help="mirror left eyes, so that all look like right ones")
    add("--keep-badly-exposed", action="store_true", help="keep what is too dark, too bright or without structure")
    add("--sheet", type=int, default=50, metavar="N", help=f"pictures in {SHEET_NAME}, 0 = none (default 50)")
    split = parser.add_argument_group("split", "By default drawn here, by patient, with all five levels balanced.")
    add = split.add_argument
    add("--split-csv", metavar="CSV", help="columns image and split (train, val, test); or .gz")
    add("--val-fraction", type=float, metavar="F", help="share of what validation is drawn from (default 0.1)")
    add("--test-fraction", type=float, metavar="F", help="share of all images, for an own split (default 0.2)")
    add("--seed", type=int, default=0, help="of whatever is drawn here (default 0)")
    add = parser.add_argument
    add(
        "--max-missing",
        type=float,
        default=0.01,
        metavar="F",
        help="share of the labelled images that may be missing, unreadable or in no split (default 0.01)",
    )
    add(
        "--max-rejected",
        type=float,
        default=0.1,
        metavar="F",
        help="share of the labelled images that may have no usable disc or be badly exposed (default 0.1)",
    )
    add("--workers", type=int, default=None, metavar="N", help="threads (default: one a processor)")


def run(args: argparse.Namespace) -> int:
    """Prepare the dataset folder; interrupted, the same command goes on.

    Returns:
        0.

    Raises:
        RefusedError: an argument or the output folder cannot be used; the text says what to do.
        DatasetError: a table or image cannot be used; likewise.
        LeakError: the finished lists share a patient or a picture.
    """
    _check_arguments(args)
    out = checked_out(args.out, args.images)
    eyes = read_labels(args.labels)
    splitter = Splitter(args, without="without --split-csv")
    print(f"{len(eyes)} images of {len({eye.patient for eye in eyes.values()})} patients in the labels")
    print(f"Split: {splitter.description}")
    patient_of = {name: eye.patient for name, eye in eyes.items()}
    level_of = {name: eye.level for name, eye in eyes.items()}
    given, _ = splitter.given(patient_of)  # the table may name more than these labels

    exclusions: Exclusions = defaultdict(list)
    paths, others = _find(args.images, eyes)
    for name in eyes:
        if name not in given:
            exclusions[_NOT_IN_SPLIT].append(name)
        elif name not in paths:
            exclusions[_MISSING].append(name)
    if others:
        print(f"{others} other files in --images have no label and are left alone")
    _check_exclusions(exclusions, len(eyes), args)

    options = {
        "source": "eyepacs",
        "target": args.target,
        "size": args.size,
        "mirror_left": args.mirror_left,
        "keep_badly_exposed": args.keep_badly_exposed,
        "labels_sha256": [file_sha256(path) for path in args.labels],
        **splitter.options,
        "seed": args.seed,
    }
    with opened_folder(out, options) as record:
        remove_leftovers(out)
        remove_leftovers(out / "images")
        usable = {name: paths[name] for name in given if name in paths}
        notes = _write_images(usable, eyes, out, args, record, exclusions)
        small = sum(bool(note & _SMALL) for note in notes.values())
        if small:
            print(f"{small} fundus discs are smaller than {args.size} px across and were enlarged")
        print_noted(notes, written_in_8_bits=True)
        cut_again = sorted(name for name, note in notes.items() if note & _CUT_AGAIN)
        if cut_again:
            print(
                f"{len(cut_again)} cropped pictures show too little of a round edge to be known as cropped: the "
                f"bundles cut them once more, moved by over {MOVED:.0%} of the radius (listed in manifest.json)"
            )
        unusable = {name for names in exclusions.values() for name in names}
        # By level whatever the target, so that all targets have the same split.
        splits = splitter.draw({n: given[n] for n in usable if n not in unusable}, patient_of, level_of)
        groups = drop_repeats(out, splits, lambda name: _target(out, name), exclusions, args.workers)
        if not splits["training"]:
            raise DatasetError("no training image is left; check --images and the split.")
        items = {split: [_item(name, eyes[name], args.target) for name in splits[split]] for split in SPLITS}
        report = audit_datalist(unwritten_datalist(out, NAME, TARGETS[args.target][0], items), workers=args.workers)
        levels = {split: _counts((eyes[name].level for name in splits[split]), GRADES) for split in SPLITS}
        classes = {split: _counts((i["label"] for i in items[split]), TARGETS[args.target][0]) for split in SPLITS}
        manifest = {
            "source": "eyepacs",
            "seed": args.seed,
            "options": options,
            "images_with": classes,
            "images_of_level": levels,
            "smaller_than_size": small,
            **noted(notes),
            "cut_again_by_the_bundles": cut_again,
            "identical_pictures": groups,
            "identical_pictures_with_different_labels": [
                group for group in groups if len({eyes[name].level for name in group}) > 1
            ],
            "near_identical_pairs": report.near,
            "exclusions": {reason: sorted(names) for reason, names in sorted(exclusions.items())},
        }
        write_datalist(out, NAME, TARGETS[args.target][0], items, manifest, ("side",))
        if args.sheet:
            _write_sheet(usable, splits, exclusions, out, args)
    print(report.text())
    _print_summary(classes if args.target == "grade" else {s: {**levels[s], **classes[s]} for s in SPLITS}, exclusions)
    _print_next(args)
    return 0


def _check_arguments(args: argparse.Namespace) -> None:
    if args.size < MIN_SIDE:
        raise RefusedError(f"--size is {args.size}; the cropped fundus must have at least {MIN_SIDE} pixels a side.")
    if args.sheet < 0:
        raise RefusedError(f"--sheet is {args.sheet}; it is a number of pictures, 0 for no sheet.")
    check_seed_and_workers(args.seed, args.workers)
    check_share_option("--val-fraction", args.val_fraction, 0.9)
    check_share_option("--test-fraction", args.test_fraction, 0.9)
    check_share_option("--max-missing", args.max_missing)
    check_share_option("--max-rejected", args.max_rejected)


def _find(folders: Sequence[str], eyes: Mapping[str, Eye]) -> tuple[dict[str, str], int]:
    suffixes = (*SUFFIXES, *map(str.upper, SUFFIXES))
    found, others = find_images(folders, {name + suffix for name in eyes for suffix in suffixes})
    paths: dict[str, str] = {}
    for file, path in found.items():
        if (name := _stem(file)) in paths:
            raise DatasetError(
                f"{name} is there as '{os.path.basename(paths[name])}' and as '{file}'. Give only folders with one "
                "version of the images as --images."
            )
        paths[name] = path
    return paths, others


def _write_images(
    paths: Mapping[str, str],
    eyes: Mapping[str, Eye],
    out: Path,
    args: argparse.Namespace,
    record: Record,
    exclusions: Exclusions,
) -> dict[str, int]:
    """Write what is not finished yet; returns the note of each image that is there."""
    todo, notes = [], {}
    for name, path in paths.items():
        finished = record.finished(name, path, _target(out, name))
        if finished is None:
            todo.append(name)
        else:
            notes[name] = finished
    if len(todo) < len(paths):
        print(f"{len(paths) - len(todo)} images are finished already, {len(todo)} are left")

    def write(name: str) -> int | str:
        passed_over: set[str] = set()
        try:
            picture = read_image(paths[name], channels=3, notes=passed_over)
            disc = find_disc(picture, check_exposure=not args.keep_badly_exposed)
            fundus = _levels(crop_to_disc(picture, disc, args.size))
            # The bundles judge what is written now: what they would refuse is left out here.
            again = find_disc(_picture(fundus), check_exposure=not args.keep_badly_exposed)
        except FundusError as error:
            return _REJECTED + str(error)
        except (ImageReadError, OSError) as error:
            return _UNREADABLE + str(error)
        if args.mirror_left and eyes[name].side == "left":
            fundus = fundus[:, ::-1]
        _write_png(fundus, _target(out, name))
        radius = args.size / 2
        moved = max(math.hypot(again.row - radius, again.column - radius), abs(again.radius - radius))
        note = picture_note(picture, passed_over)
        return note + _SMALL * (2 * disc.radius < args.size) + _CUT_AGAIN * (moved > MOVED * radius)

    with closing(map_in_threads(write, todo, len(todo), args.workers, "images")) as results:
        for place, result in results:
            name = todo[place]
            if isinstance(result, str):
                exclusions[result].append(name)
                _check_exclusions(exclusions, len(eyes), args)
            else:
                record.add(name, paths[name], _target(out, name), result)
                notes[name] = result
    return notes


def _write_png(levels: NDArray[np.uint8], target: Path) -> None:
    with atomic_path(target) as temporary:
        Image.fromarray(levels).save(temporary, compress_level=4)


def _levels(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(3, rows, columns) in 0..1 as the (rows, columns, 3) of an 8-bit PNG."""
    return np.rint(picture.transpose(1, 2, 0) * np.float32(255)).astype(np.uint8)


def _picture(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the reader makes of such a PNG."""
    return np.ascontiguousarray(levels.transpose(2, 0, 1), np.float32) / np.float32(255)


def _check_exclusions(exclusions: Exclusions, total: int, args: argparse.Namespace) -> None:
    rejected = {reason: names for reason, names in exclusions.items() if reason.startswith(_REJECTED)}
    others = {reason: names for reason, names in exclusions.items() if reason not in rejected}
    check_left_out(
        others,
        total,
        args.max_missing,
        "Give all folders with --images and the labels that belong to them, or allow a larger share with --max-missing "
        "(1 = any).",
    )
    check_left_out(
        rejected,
        total,
        args.max_rejected,
        "Look at these photographs: if they are what is to be learnt from, allow a larger share with --max-rejected "
        "(1 = any), or keep dark and bright ones with --keep-badly-exposed.",
    )


def _write_sheet(
    paths: Mapping[str, str], splits: Splits, exclusions: Exclusions, out: Path, args: argparse.Namespace
) -> None:
    """Write what was rejected, at most half of the sheet, and a random choice of what was kept."""
    random = np.random.RandomState(derive_seed(args.seed))

    def some(names: Iterable[str], number: int) -> list[str]:
        names = sorted(names)
        return sorted(names[i] for i in random.permutation(len(names))[:number])

    reason_of = {
        n: r.removeprefix(_REJECTED) for r, names in exclusions.items() if r.startswith(_REJECTED) for n in names
    }
    rejected = some(reason_of, args.sheet // 2)
    shown = rejected + some((name for split in SPLITS for name in splits[split]), args.sheet - len(rejected))

    def pair(name: str) -> Pair:
        before = read_image(paths[name], channels=3)
        if name in reason_of:
            return Pair(f"{name}: {reason_of[name]}", before)
        return Pair(name, before, read_image(_target(out, name), channels=3), find_disc(before, check_exposure=False))

    write_contact_sheet(map(pair, shown), len(shown), out / SHEET_NAME)


def _target(out: Path, name: str) -> Path:
    return out / "images" / f"{name}.png"


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _item(name: str, eye: Eye, target: str) -> dict[str, Any]:
    label = TARGETS[target][1][eye.level]
    return {"image": f"images/{name}.png", "label": label, "patient": eye.patient, "side": eye.side}


def _counts(values: Iterable[int], names: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(np.fromiter(values, int), minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))


def _print_summary(counts: Mapping[str, Mapping[str, int]], exclusions: Exclusions) -> None:
    print(f"{'images with':<26}" + "".join(f"{split:>12}" for split in SPLITS))
    for name in counts["training"]:
        print(f"{name:<26}" + "".join(f"{counts[split][name]:>12}" for split in SPLITS))
    for reason, names in exclusions.items():
        print(f"left out, {reason}: {len(names)} (listed in manifest.json)")


def _print_next(args: argparse.Namespace) -> None:
    if args.sheet:
        print(f"Before and after, to look over: {os.path.join(args.out, SHEET_NAME)}")
    print_next("dr_mse", args.out, "--decode_fit fundus_any" if args.keep_badly_exposed else "")
    if args.keep_badly_exposed:
        print("Give --decode_fit fundus_any to finetune.json too: its default refuses badly exposed photographs.")
