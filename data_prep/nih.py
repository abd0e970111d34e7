"""``python -m data_prep nih``: the published files of NIH ChestX-ray14 as a dataset folder."""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.grey_png import write_grey_png
from data_prep.image_finder import find_images
from data_prep.nih_metadata import FINDINGS, Study, read_image_list, read_metadata, read_split_csv
from data_prep.record import Record, opened_folder
from monai_mocoi.atomic_write import remove_leftovers
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.datalist import SPLITS, Datalist, write_datalist
from monai_mocoi.data.errors import DatasetError
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.splits import split_by_patient
from monai_mocoi.transforms.reader import read_image

NAME = "NIH ChestX-ray14"
TRAIN_VAL_LIST, TEST_LIST = "train_val_list.txt", "test_list.txt"
MIN_SIZE = 16

_MISSING = "no such file in --images"
_NOT_IN_SPLIT = "not in the given split"
_REPEATED = "same picture as an image of another split"

# Of what several splits share, the test split keeps its images, then the validation split: the published test set
# stays whole.
_KEPT_FIRST = ("test", "validation", "training")

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
        DatasetError: an argument, table, image or folder cannot be used; the text says what to do.
        LeakError: the finished lists share a patient or a picture.
    """
    _check_arguments(args)
    out = _checked_out(args.out, args.images)
    studies = read_metadata(args.metadata)
    splitter = _Splitter(args)
    print(
        f"{len(studies)} images of {len({s.patient for s in studies.values()})} patients in {Path(args.metadata).name}"
    )
    print(f"Split: {splitter.description}")
    given = splitter.given(studies)

    exclusions: Exclusions = defaultdict(list)
    paths, others = find_images(args.images, studies)
    for name in studies:
        if name not in given:
            exclusions[_NOT_IN_SPLIT].append(name)
        elif name not in paths:
            exclusions[_MISSING].append(name)
    if others:
        print(f"{others} other files in --images are not in the metadata and are left alone")
    _check_share(exclusions, len(studies), args.max_missing)

    options = {
        "source": "nih",
        "size": args.size,
        "metadata_sha256": _sha256(args.metadata),
        **splitter.options,
        "seed": args.seed,
    }
    with opened_folder(out, options) as record:
        remove_leftovers(out / "images")
        usable = {name: paths[name] for name in given if name in paths}
        small = _write_images(usable, out, args, record, exclusions, len(studies))
        if small:
            print(f"{small} images are smaller than {args.size} px and keep their size (nothing is enlarged)")
        unusable = {name for names in exclusions.values() for name in names}
        splits = splitter.draw({name: given[name] for name in usable if name not in unusable}, studies)
        _drop_repeats(out, splits, exclusions, args.workers)
        if not splits["training"]:
            raise DatasetError("no training image is left; check --images and the split.")
        items = {split: [_item(name, studies[name]) for name in sorted(splits[split])] for split in SPLITS}
        report = audit_datalist(_in_memory(out, items), workers=args.workers)
        manifest = {
            "source": "nih",
            "seed": args.seed,
            "options": options,
            "images_with": {split: _images_with(items[split]) for split in SPLITS},
            "smaller_than_size": small,
            "near_identical_pairs": report.near,
            "exclusions": {reason: sorted(names) for reason, names in sorted(exclusions.items())},
        }
        write_datalist(out, NAME, FINDINGS, items, manifest)
    print(report.text())
    _print_summary(items, exclusions, args.out)
    return 0


def _check_arguments(args: argparse.Namespace) -> None:
    if args.size < MIN_SIZE:
        raise DatasetError(f"--size is {args.size}; the shorter side must have at least {MIN_SIZE} pixels.")
    if args.seed < 0:
        raise DatasetError(f"--seed is {args.seed}; it must be 0 or more.")
    if args.workers is not None and args.workers < 1:
        raise DatasetError(f"--workers is {args.workers}; at least 1 thread is needed.")
    for option in ("val_fraction", "test_fraction", "max_missing"):
        value = getattr(args, option)
        top = 1.0 if option == "max_missing" else 0.9
        if value is not None and not 0 <= value <= top:
            raise DatasetError(f"--{option.replace('_', '-')} is {value}; it is a share from 0 to {top:g}.")
    if (args.train_val_list is None) != (args.test_list is None):
        raise DatasetError("--train-val-list and --test-list belong together; give both.")
    ways = {
        "--train-val-list": args.train_val_list is not None,
        "--split-csv": args.split_csv is not None,
        "--own-split": args.own_split,
    }
    if sum(ways.values()) > 1:
        raise DatasetError(
            f"{' and '.join(way for way, given in ways.items() if given)} exclude one another; give one."
        )


def _checked_out(out: str, folders: Sequence[str]) -> Path:
    target = Path(out).expanduser().resolve()
    for folder in folders:
        source = Path(folder).expanduser().resolve()
        if target == source or source in target.parents or target in source.parents:
            raise DatasetError(
                f"--out '{out}' and --images '{folder}' lie inside one another; name a folder elsewhere."
            )
    return target


class _Splitter:
    """Where the split comes from: two lists, a CSV file, or a draw by patient.

    Attributes:
        description: for the console.
        options: for the manifest and the record.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._seed = args.seed
        self._table: dict[str, str] | None = None
        val = 0.1 if args.val_fraction is None else args.val_fraction
        test = 0.2 if args.test_fraction is None else args.test_fraction
        beside = [Path(args.metadata).parent / name for name in (TRAIN_VAL_LIST, TEST_LIST)]
        lists = [args.train_val_list, args.test_list] if args.train_val_list else None
        how = "given"
        if lists is None and args.split_csv is None and not args.own_split and all(path.is_file() for path in beside):
            lists, how = beside, "found beside the metadata; --own-split would leave them aside"
        if lists:
            self._table = _table_of_lists(*lists)
            self._draw_from, self._fractions = "training", {"training": 1 - val, "validation": val}
            self.description = (
                f"{Path(lists[0]).name} and {Path(lists[1]).name} ({how}), {val:g} of the first for validation"
            )
            self.options = {"split": "lists", "val_fraction": val, "lists_sha256": [_sha256(path) for path in lists]}
        elif args.split_csv:
            self._table = read_split_csv(args.split_csv)
            self._draw_from, self._fractions = "training", {"training": 1 - val, "validation": val}
            self.description = f"{Path(args.split_csv).name} (given)"
            self.options = {"split": "csv", "csv_sha256": _sha256(args.split_csv)}
            if "validation" in self._table.values():
                self._draw_from, self._fractions = "", {}
                if args.val_fraction is not None:
                    raise DatasetError("--val-fraction does not apply: the --split-csv has a validation split.")
            else:
                self.description += f", {val:g} of its training images for validation"
                self.options["val_fraction"] = val
        else:
            if val + test > 0.95:
                raise DatasetError(f"--val-fraction {val:g} and --test-fraction {test:g} leave too little to train on.")
            self._draw_from = "all"
            self._fractions = {"training": 1 - val - test, "validation": val, "test": test}
            self.description = f"drawn by patient, validation {val:g}, test {test:g}, seed {args.seed}"
            self.options = {"split": "own", "val_fraction": val, "test_fraction": test}
        if self._table is not None and args.test_fraction is not None:
            raise DatasetError("--test-fraction does not apply: the test split is given by the lists.")

    def given(self, studies: Mapping[str, Study]) -> dict[str, str]:
        """Return the split of each image so far ("all" before an own draw); images in no list are left out.

        Raises:
            DatasetError: the lists put a patient in two splits, or none of the images in one.
        """
        if self._table is None:
            return dict.fromkeys(studies, "all")
        given = {name: self._table[name] for name in studies if name in self._table}
        if not given:
            raise DatasetError("none of the metadata's images is in the given split; check that they belong together.")
        by_patient: dict[str, dict[str, str]] = defaultdict(dict)
        for name, split in given.items():
            by_patient[studies[name].patient].setdefault(split, name)
        if torn := {patient: parts for patient, parts in by_patient.items() if len(parts) > 1}:
            some = "; ".join(
                f"{patient}: " + ", ".join(f"{name} ({split})" for split, name in parts.items())
                for patient, parts in list(torn.items())[:5]
            )
            raise DatasetError(
                f"the given split puts {len(torn)} patient(s) in two splits ({some}). Correct it, or split by patient "
                "here with --own-split."
            )
        return given

    def draw(self, given: Mapping[str, str], studies: Mapping[str, Study]) -> dict[str, list[str]]:
        """Return the image names by split after what has to be drawn is drawn."""
        splits: dict[str, list[str]] = {split: [] for split in SPLITS}
        pool: list[str] = []
        for name in sorted(given):
            (pool if given[name] == self._draw_from else splits[given[name]]).append(name)
        parts = [split for split, fraction in self._fractions.items() if fraction > 0]
        if pool:
            part_of = split_by_patient(
                [studies[name].patient for name in pool],
                np.array([studies[name].label for name in pool]),
                [self._fractions[part] for part in parts],
                self._seed,
            )
            for name, part in zip(pool, part_of, strict=True):
                splits[parts[part]].append(name)
        return splits


def _table_of_lists(train_val_list: str | Path, test_list: str | Path) -> dict[str, str]:
    train_val, test = read_image_list(train_val_list), read_image_list(test_list)
    if both := sorted(train_val & test):
        raise DatasetError(f"{len(both)} image(s) are in both lists ({', '.join(both[:5])}); take them out of one.")
    return {**dict.fromkeys(train_val, "training"), **dict.fromkeys(test, "test")}


def _write_images(
    paths: Mapping[str, str], out: Path, args: argparse.Namespace, record: Record, exclusions: Exclusions, total: int
) -> int:
    """Write what is not finished yet; returns how many images are smaller than wanted."""
    todo, small = [], 0
    for name, path in paths.items():
        finished = record.finished(name, path, out / "images" / name)
        if finished is None:
            todo.append(name)
        else:
            small += finished
    if len(todo) < len(paths):
        print(f"{len(paths) - len(todo)} images are finished already, {len(todo)} are left")

    def write(name: str) -> bool | str:
        try:
            picture = read_image(paths[name], channels=1)
        except (ValueError, OSError) as error:  # the reader's: says what is wrong with the picture
            return str(error)
        return write_grey_png(picture, out / "images" / name, args.size)

    with closing(map_in_threads(write, todo, len(todo), args.workers, "images")) as results:
        for place, result in results:
            name = todo[place]
            if isinstance(result, str):
                exclusions[f"unreadable: {result}"].append(name)
                _check_share(exclusions, total, args.max_missing)
            else:
                record.add(name, paths[name], out / "images" / name, result)
                small += result
    return small


def _check_share(exclusions: Exclusions, total: int, limit: float) -> None:
    """Stop once more images than allowed cannot be used."""
    bad = sum(map(len, exclusions.values()))
    if bad > limit * total:
        reasons = "\n".join(
            f"  {reason}: {len(names)} (such as {', '.join(sorted(names)[:3])})" for reason, names in exclusions.items()
        )
        raise DatasetError(
            f"{bad} of the metadata's {total} images cannot be used, {bad / total:.1%}; the limit is {limit:.1%}:\n"
            f"{reasons}\nGive all folders with --images and the lists that belong to the metadata, or allow a larger "
            "share with --max-missing (1 = any)."
        )


def _drop_repeats(out: Path, splits: dict[str, list[str]], exclusions: Exclusions, workers: int | None) -> None:
    """Take pictures that stand in two splits out of all but one, because nobody can correct the published data."""
    names = [name for split in SPLITS for name in splits[split]]
    prints = dataset_fingerprints(out, [str(out / "images" / name) for name in names], names, workers)
    digest = {name: bytes(row) for name, row in zip(names, prints.digests, strict=True)}
    dropped = 0
    for kept, later in combinations(_KEPT_FIRST, 2):
        seen = {digest[name] for name in splits[kept]}
        repeats = [name for name in splits[later] if digest[name] in seen]
        if repeats:
            exclusions[_REPEATED] += repeats
            splits[later] = [name for name in splits[later] if digest[name] not in seen]
            dropped += len(repeats)
    if dropped:
        print(f"{dropped} images show exactly the same picture as one of another split and were left out")


def _item(name: str, study: Study) -> dict[str, Any]:
    return {"image": f"images/{name}", "label": list(study.label), "patient": study.patient}


def _in_memory(out: Path, items: Mapping[str, list[dict[str, Any]]]) -> Datalist:
    """Return the datalist that is going to be written, for the audit: the file comes last."""
    resolved = {
        split: [{**item, "image": str(out / item["image"]), "name": item["image"]} for item in items[split]]
        for split in SPLITS
    }
    return Datalist(name=NAME, labels=FINDINGS, folder=out, sha256="", **resolved)


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
    print(f"The dataset folder is ready: {out}\nNext, to pretrain on it:")
    print(
        "  python -m monai_mocoi run bundles/nih_mse/configs/train.json --dataset_dir "
        + shlex.quote(out)
        + " --output_dir "
        + shlex.quote(os.path.join("runs", os.path.basename(os.path.abspath(out))))
    )


def _sha256(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
