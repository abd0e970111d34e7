"""``python -m data_prep bch``: histopathology patches with the names of the IDC data set as a dataset folder."""

from __future__ import annotations

import argparse
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.checks import check_left_out, check_seed_and_workers, check_share_option, checked_out
from data_prep.idc_files import Patch, Patches, find_patches
from data_prep.last_steps import print_next, unwritten_datalist
from data_prep.picture_notes import noted, picture_note, print_noted
from data_prep.record import Record, opened_folder
from data_prep.repeated_pictures import drop_repeats
from data_prep.splitter import Splitter
from monai_mocoi.atomic_write import atomic_path, remove_leftovers
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.datalist import SPLITS, write_datalist
from monai_mocoi.data.errors import DatasetError, RefusedError
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.transforms.image_errors import check_not_constant
from monai_mocoi.transforms.raster import read_raster

NAME = "Breast histopathology (IDC)"
CLASSES = ("no IDC", "IDC")
MIN_SIZE = 16

WHITE_LEVEL, WHITE_SHARE = 220, 0.9
"""A patch is blank if this share of its pixels has all channels at this level of 255 or above; see docs/data.md."""

_MISSING = "in the given split, but not in --images"
_NOT_IN_SPLIT = "not in the given split"
_IS_BLANK = 1  # bit of the note
_BLANK = "blank (white)"

_ADVICE = (
    "Give all folders with --images and the lists that belong to them, or allow a larger share with --max-missing "
    "(1 = any)."
)

Exclusions = dict[str, list[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add = parser.add_argument
    add(
        "--images",
        nargs="+",
        required=True,
        metavar="DIR",
        help="folders with <patient>_idx<N>_x<X>_y<Y>_class<C>.png, at any depth below",
    )
    add("--out", required=True, metavar="DIR", help="the dataset folder to make or go on with")
    add("--classes", nargs="+", default=list(CLASSES), metavar="NAME", help="of class 0, 1, ... (default: no IDC, IDC)")
    add("--name", default=NAME, metavar="TEXT", help=f"of the data set (default: {NAME})")
    split = parser.add_argument_group("split", "By default a split by patient is drawn here, both classes balanced.")
    add = split.add_argument
    add("--train-list", metavar="TXT", help="training: image names or patients, one a line")
    add("--val-list", metavar="TXT", help="validation, likewise; without it, it is drawn from the training list")
    add("--test-list", metavar="TXT", help="test, likewise")
    add("--split-csv", metavar="CSV", help="columns image (or a patient there) and split (train, val, test); or .gz")
    add("--val-fraction", type=float, metavar="F", help="share of what validation is drawn from (default 0.1)")
    add("--test-fraction", type=float, metavar="F", help="share of all images, for an own split (default 0.2)")
    add("--seed", type=int, default=0, help="of whatever is drawn here (default 0)")
    add = parser.add_argument
    add("--drop-blank", action="store_true", help="leave blank (white) patches out; by default they are only reported")
    add(
        "--max-missing",
        type=float,
        default=0.01,
        metavar="F",
        help="share of the patches that may be missing, unreadable, contradictory or in no split (default 0.01)",
    )
    add("--workers", type=int, default=None, metavar="N", help="threads (default: one a processor)")


def run(args: argparse.Namespace) -> int:
    """Prepare the dataset folder; interrupted, the same command goes on.

    Returns:
        0.

    Raises:
        RefusedError: an argument or the output folder cannot be used; the text says what to do.
        DatasetError: a list or image cannot be used; likewise.
        LeakError: the finished lists share a patient or a picture.
    """
    _check_arguments(args)
    out = checked_out(args.out, args.images)
    given_lists = {"training": args.train_list, "validation": args.val_list, "test": args.test_list}
    splitter = Splitter(args, lists={s: path for s, path in given_lists.items() if path}, without="without lists")
    found = find_patches(args.images, len(args.classes))
    patches = found.by_name
    patient_of = {name: patch.patient for name, patch in patches.items()}
    label_of = {name: patch.label for name, patch in patches.items()}
    _print_found(found)
    print(f"Split: {splitter.description}")
    given, missing = splitter.given(patient_of)

    exclusions: Exclusions = defaultdict(list)
    if missing:
        exclusions[_MISSING] += missing
    for name, patch in patches.items():
        if name not in given:
            exclusions[_NOT_IN_SPLIT].append(name)
        elif patch.folder_fault:
            exclusions[patch.folder_fault].append(name)
    if len(missing) > args.max_missing * splitter.listed:  # a line may stand for a patient with all images
        raise DatasetError(
            f"{len(missing)} of {splitter.listed} lines of the given split stand for nothing in --images (such as "
            f"{', '.join(missing[:3])}); the limit is {args.max_missing:.1%}. {_ADVICE}"
        )
    total = len(patches) + len(missing)
    check_left_out(exclusions, total, args.max_missing, _ADVICE)
    usable = {name: patches[name] for name in given if not patches[name].folder_fault}
    splitter.draw(
        {name: given[name] for name in usable}, patient_of, label_of
    )  # too few patients: known before anything is copied

    options = {
        "source": "bch",
        "classes": args.classes,
        "name": args.name,
        "drop_blank": args.drop_blank,
        **splitter.options,
        "seed": args.seed,
    }
    with opened_folder(out, options) as record:
        for patient in {patch.patient for patch in usable.values()}:
            remove_leftovers(out / "images" / patient)
        notes = _copy_patches(usable, found.again, out, args, record, exclusions, total)
        blank = [name for name, note in notes.items() if note & _IS_BLANK]
        print_noted(notes)
        if args.drop_blank and blank:
            exclusions[_BLANK] += blank
        unusable = {name for names in exclusions.values() for name in names}
        splits = splitter.draw({n: given[n] for n in usable if n not in unusable}, patient_of, label_of)
        groups = drop_repeats(out, splits, lambda name: _target(out, name, patches[name]), exclusions, args.workers)
        if not splits["training"]:
            raise DatasetError("no training image is left; check --images and the split.")
        items = {split: [_item(name, patches[name]) for name in splits[split]] for split in SPLITS}
        report = audit_datalist(unwritten_datalist(out, args.name, args.classes, items), workers=args.workers)
        with_other_label = [group for group in groups if len({patches[name].label for name in group}) > 1]
        manifest = {
            "source": "bch",
            "seed": args.seed,
            "options": options,
            "images_with": {split: _images_with(items[split], args.classes) for split in SPLITS},
            "blank": sorted(blank),
            **noted(notes),
            "identical_pictures": groups,
            "identical_pictures_with_different_labels": with_other_label,
            "near_identical_pairs": report.near,
            "exclusions": {reason: sorted(names) for reason, names in sorted(exclusions.items())},
        }
        write_datalist(out, args.name, args.classes, items, manifest)
    print(report.text())
    _print_summary(items, exclusions, args, len(blank), groups, len(with_other_label))
    return 0


def is_blank(image: NDArray[np.float32]) -> bool:
    """Tell whether a patch shows the white of the slide instead of tissue.

    Args:
        image: (1 or 3, rows, columns) float32, values 0..1.

    Returns:
        True if all channels are at ``WHITE_LEVEL`` / 255 or above in at least ``WHITE_SHARE`` of the pixels.
    """
    # Half a level lower, so that the level itself counts whatever the rounding of its quotient.
    return bool((image.min(0) >= (WHITE_LEVEL - 0.5) / 255).mean() >= WHITE_SHARE)


def _check_arguments(args: argparse.Namespace) -> None:
    check_seed_and_workers(args.seed, args.workers)
    check_share_option("--val-fraction", args.val_fraction, 0.9)
    check_share_option("--test-fraction", args.test_fraction, 0.9)
    check_share_option("--max-missing", args.max_missing)
    if len(args.classes) < 2 or not all(args.classes) or len(set(args.classes)) < len(args.classes):
        raise RefusedError(f"--classes is {', '.join(args.classes)}; give at least 2 names, each once.")
    if not args.name.strip():
        raise RefusedError("--name is empty; give the data set a name.")
    if (args.train_list is None) != (args.test_list is None) or (args.val_list and not args.train_list):
        raise RefusedError("--train-list and --test-list belong together (--val-list may be added); give both.")
    if args.train_list is not None and args.split_csv is not None:
        raise RefusedError("--train-list and --split-csv exclude one another; give one.")


def _copy_patches(
    patches: Mapping[str, Patch],
    again: Mapping[str, Sequence[str]],
    out: Path,
    args: argparse.Namespace,
    record: Record,
    exclusions: Exclusions,
    total: int,
) -> dict[str, int]:
    """Copy what is not finished yet, each source opened once; returns the note of each patch that is there."""
    todo, notes = [], {}
    for name, patch in patches.items():
        finished = record.finished(name, patch.path, _target(out, name, patch))
        if finished is None:
            todo.append(name)
        else:
            notes[name] = finished
    if len(todo) < len(patches):
        print(f"{len(patches) - len(todo)} images are finished already, {len(todo)} are left")

    def copy(name: str) -> int | str:
        patch = patches[name]
        try:
            content = _content(patch.path)
            for other in again.get(name, ()):
                if _content(other) != content:
                    raise DatasetError(
                        f"two different files are called {name}: '{patch.path}' and '{other}'. Give only folders with "
                        "the same version of the images as --images."
                    )
            picture = read_raster(io.BytesIO(content))
            check_not_constant(picture)
        except DatasetError:
            raise
        except OSError as error:
            return f"unreadable: {error.strerror or type(error).__name__}"
        except ValueError as error:  # the reader's: says what is wrong with the picture
            return f"unreadable: {error}"
        if min(picture.shape[1:]) < MIN_SIZE:
            return f"a side is shorter than {MIN_SIZE} pixels"
        # The very bytes that were just looked at: what is in the folder is what was checked.
        with atomic_path(_target(out, name, patch)) as temporary:
            temporary.write_bytes(content)
        return picture_note(picture) + _IS_BLANK * is_blank(picture)

    with closing(map_in_threads(copy, todo, len(todo), args.workers, "images")) as results:
        for place, result in results:
            name = todo[place]
            if isinstance(result, str):
                exclusions[result].append(name)
                check_left_out(exclusions, total, args.max_missing, _ADVICE)
                continue
            record.add(name, patches[name].path, _target(out, name, patches[name]), result)
            notes[name] = result
    return notes


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _target(out: Path, name: str, patch: Patch) -> Path:
    # One folder a patient: a single one with hundreds of thousands of files is slow on network disks.
    return out / "images" / patch.patient / name


def _item(name: str, patch: Patch) -> dict[str, Any]:
    return {"image": f"images/{patch.patient}/{name}", "label": patch.label, "patient": patch.patient}


def _images_with(items: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, int]:
    counts = np.bincount([item["label"] for item in items], minlength=len(classes)) if items else [0] * len(classes)
    return {name: int(count) for name, count in zip(classes, counts, strict=True)}


def _print_found(found: Patches) -> None:
    patients = {patch.patient for patch in found.by_name.values()}
    print(f"{len(found.by_name)} patches of {len(patients)} patients")
    if found.again:
        print(f"{sum(map(len, found.again.values()))} further files have the name of one of these and must equal it")
    if found.others:
        print(f"{found.others} other files in --images are left alone, such as '{found.other_example}'")


def _print_summary(
    items: Mapping[str, list[dict[str, Any]]],
    exclusions: Exclusions,
    args: argparse.Namespace,
    blank: int,
    groups: Sequence[Sequence[str]],
    with_other_label: int,
) -> None:
    counts = {split: _images_with(items[split], args.classes) for split in SPLITS}
    width = max(20, *(len(name) + 2 for name in args.classes))
    print(f"{'images with':<{width}}" + "".join(f"{split:>12}" for split in SPLITS))
    for name in args.classes:
        print(f"{name:<{width}}" + "".join(f"{counts[split][name]:>12}" for split in SPLITS))
    print(f"{'all':<{width}}" + "".join(f"{len(items[split]):>12}" for split in SPLITS))
    if empty := [name for name in args.classes if not any(counts[split][name] for split in SPLITS)]:
        print(
            f"WARNING: there is no patch of {', '.join(empty)}. Are all folders given with --images, and do the names "
            "of --classes fit the numbers behind class in the file names?"
        )
    fate = "left out" if args.drop_blank else "kept; --drop-blank leaves them out"
    print(f"blank (white) patches: {blank} ({fate}; listed in manifest.json)")
    print(
        f"pictures that occur more than once: {len(groups)}, in {sum(map(len, groups))} files; "
        f"{with_other_label} of them with different labels (listed in manifest.json)"
    )
    for reason, names in exclusions.items():
        print(f"left out, {reason}: {len(names)} (listed in manifest.json)")
    print_next("bch_mse", args.out)
