"""``python -m data_prep nih``: the published files of NIH ChestX-ray14 as a dataset folder."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.checks import check_left_out, check_seed_and_workers, check_share_option, checked_out
from data_prep.grey_png import write_grey_png
from data_prep.image_finder import find_images
from data_prep.last_steps import print_next, unwritten_datalist
from data_prep.nih_metadata import COLUMNS, FINDINGS, Study, read_metadata
from data_prep.picture_notes import FLATTENED, noted, picture_note, print_noted
from data_prep.record import Record, file_sha256, opened_folder
from data_prep.repeated_pictures import drop_repeats
from data_prep.splitter import Splitter
from monai_mocoi.atomic_write import remove_leftovers
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.datalist import SPLITS, write_datalist
from monai_mocoi.data.errors import DatasetError, RefusedError
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.transforms.reader import read_image

NAME = "NIH ChestX-ray14"
TRAIN_VAL_LIST, TEST_LIST = "train_val_list.txt", "test_list.txt"
MIN_SIZE = 16

_SMALL = 1  # bit of the note
_MISSING = "no such file in --images"
_NOT_IN_SPLIT = "not in the given split"

_ADVICE = (
    "Give all folders with --images and the lists that belong to the metadata, or allow a larger share with "
    "--max-missing (1 = any)."
)

Exclusions = dict[str, list[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add = parser.add_argument
    add("--images", nargs="+", required=True, metavar="DIR", help="folders with the PNGs, at any depth below")
    add("--metadata", required=True, metavar="CSV", help="Data_Entry_2017.csv or _v2020.csv, or a part of it (or .gz)")
    add("--out", required=True, metavar="DIR", help="the dataset folder to make or go on with")
    add("--size", type=int, default=512, metavar="PX", help="shorter side; smaller images are kept (default 512)")
    split = parser.add_argument_group(
        "split",
        f"By default {TRAIN_VAL_LIST} and {TEST_LIST} beside the metadata are used if both are there, else an own "
        "split by patient.",
    )
    add = split.add_argument
    add("--train-val-list", metavar="TXT", help="image names of training and validation (validation is drawn from it)")
    add("--test-list", metavar="TXT", help="image names of the test split")
    add("--split-csv", metavar="CSV", help="columns image and split (train, val, test); or .gz")
    add("--own-split", action="store_true", help="split by patient here, even if lists lie beside the metadata")
    add("--val-fraction", type=float, metavar="F", help="share of what validation is drawn from (default 0.1)")
    add("--test-fraction", type=float, metavar="F", help="share of all images, for an own split (default 0.2)")
    add("--seed", type=int, default=0, help="of whatever is drawn here (default 0)")
    add = parser.add_argument
    add(
        "--max-missing",
        type=float,
        default=0.01,
        metavar="F",
        help="share of the metadata's images that may be missing, unreadable or in no split (default 0.01)",
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
    studies = read_metadata(args.metadata)
    splitter = _splitter(args)
    print(
        f"{len(studies)} images of {len({s.patient for s in studies.values()})} patients in {Path(args.metadata).name}"
    )
    print(f"Split: {splitter.description}")
    patient_of = {name: study.patient for name, study in studies.items()}
    label_of = {name: study.label for name, study in studies.items()}
    given, _ = splitter.given(patient_of)  # the lists may name more than this part of the metadata

    exclusions: Exclusions = defaultdict(list)
    paths, others = find_images(args.images, studies)
    for name in studies:
        if name not in given:
            exclusions[_NOT_IN_SPLIT].append(name)
        elif name not in paths:
            exclusions[_MISSING].append(name)
    if others:
        print(f"{others} other files in --images are not in the metadata and are left alone")
    check_left_out(exclusions, len(studies), args.max_missing, _ADVICE)

    options = {
        "source": "nih",
        "size": args.size,
        "metadata_sha256": file_sha256(args.metadata),
        **splitter.options,
        "seed": args.seed,
    }
    with opened_folder(out, options) as record:
        remove_leftovers(out / "images")
        usable = {name: paths[name] for name in given if name in paths}
        notes = _write_images(usable, out, args, record, exclusions, len(studies))
        small = sum(bool(note & _SMALL) for note in notes.values())
        if small:
            print(f"{small} images are smaller than {args.size} px and keep their size (nothing is enlarged)")
        print_noted(notes)
        unusable = {name for names in exclusions.values() for name in names}
        splits = splitter.draw({n: given[n] for n in usable if n not in unusable}, patient_of, label_of)
        drop_repeats(out, splits, lambda name: out / "images" / name, exclusions, args.workers)
        if not splits["training"]:
            raise DatasetError("no training image is left; check --images and the split.")
        items = {split: [_item(name, studies[name]) for name in splits[split]] for split in SPLITS}
        report = audit_datalist(unwritten_datalist(out, NAME, FINDINGS, items), workers=args.workers)
        manifest = {
            "source": "nih",
            "seed": args.seed,
            "options": options,
            "images_with": {split: _images_with(items[split]) for split in SPLITS},
            "smaller_than_size": small,
            **noted(notes),
            "near_identical_pairs": report.near,
            "exclusions": {reason: sorted(names) for reason, names in sorted(exclusions.items())},
        }
        write_datalist(out, NAME, FINDINGS, items, manifest, tuple(COLUMNS))
    print(report.text())
    _print_summary(items, exclusions, args.out)
    return 0


def _check_arguments(args: argparse.Namespace) -> None:
    if args.size < MIN_SIZE:
        raise RefusedError(f"--size is {args.size}; the shorter side must have at least {MIN_SIZE} pixels.")
    check_seed_and_workers(args.seed, args.workers)
    check_share_option("--val-fraction", args.val_fraction, 0.9)
    check_share_option("--test-fraction", args.test_fraction, 0.9)
    check_share_option("--max-missing", args.max_missing)
    if (args.train_val_list is None) != (args.test_list is None):
        raise RefusedError("--train-val-list and --test-list belong together; give both.")
    ways = {
        "--train-val-list": args.train_val_list is not None,
        "--split-csv": args.split_csv is not None,
        "--own-split": args.own_split,
    }
    if sum(ways.values()) > 1:
        raise RefusedError(
            f"{' and '.join(way for way, given in ways.items() if given)} exclude one another; give one."
        )


def _splitter(args: argparse.Namespace) -> Splitter:
    """The lists that are named, those that lie beside the metadata, the table, or an own draw."""
    lists, how = None, "given"
    beside = [Path(args.metadata).parent / name for name in (TRAIN_VAL_LIST, TEST_LIST)]
    if args.train_val_list:
        lists = {"training": args.train_val_list, "test": args.test_list}
    elif args.split_csv is None and not args.own_split and all(path.is_file() for path in beside):
        lists = dict(zip(("training", "test"), beside, strict=True))
        how = "found beside the metadata; --own-split would leave them aside"
    return Splitter(args, lists=lists, how=how, without="with --own-split")


def _write_images(
    paths: Mapping[str, str], out: Path, args: argparse.Namespace, record: Record, exclusions: Exclusions, total: int
) -> dict[str, int]:
    """Write what is not finished yet; returns the note of each image that is there."""
    todo, notes = [], {}
    for name, path in paths.items():
        finished = record.finished(name, path, out / "images" / name)
        if finished is None:
            todo.append(name)
        else:
            notes[name] = finished
    if len(todo) < len(paths):
        print(f"{len(paths) - len(todo)} images are finished already, {len(todo)} are left")

    def write(name: str) -> int | str:
        passed_over: set[str] = set()
        try:
            picture = read_image(paths[name], channels=1, notes=passed_over)
        except (ValueError, OSError) as error:  # the reader's: says what is wrong with the picture
            return str(error)
        note = picture_note(picture, passed_over)
        small = write_grey_png(picture, out / "images" / name, args.size, bits=16 if note & FLATTENED else 8)
        return note + _SMALL * small

    with closing(map_in_threads(write, todo, len(todo), args.workers, "images")) as results:
        for place, result in results:
            name = todo[place]
            if isinstance(result, str):
                exclusions[f"unreadable: {result}"].append(name)
                check_left_out(exclusions, total, args.max_missing, _ADVICE)
            else:
                record.add(name, paths[name], out / "images" / name, result)
                notes[name] = result
    return notes


def _item(name: str, study: Study) -> dict[str, Any]:
    return {"image": f"images/{name}", "label": list(study.label), "patient": study.patient, **study.columns}


def _images_with(items: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counts = np.array([item["label"] for item in items]).reshape(-1, len(FINDINGS)).sum(0)
    return dict(zip(FINDINGS, counts.tolist(), strict=True))


def _print_summary(items: Mapping[str, list[dict[str, Any]]], exclusions: Exclusions, out: str) -> None:
    counts = {split: _images_with(items[split]) for split in SPLITS}
    print(f"{'images with':<20}" + "".join(f"{split:>12}" for split in SPLITS))
    for finding in FINDINGS:
        print(f"{finding:<20}" + "".join(f"{counts[split][finding]:>12}" for split in SPLITS))
    print(f"{'all':<20}" + "".join(f"{len(items[split]):>12}" for split in SPLITS))
    for reason, names in exclusions.items():
        print(f"left out, {reason}: {len(names)} (listed in manifest.json)")
    print_next("nih_mse", out)
