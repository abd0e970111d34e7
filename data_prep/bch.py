"""``python -m data_prep bch``: histopathology patches with the names of the IDC data set as a dataset folder."""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.checks import check_left_out, check_share_option, checked_out
from data_prep.idc_files import Patch, Patches, find_patches
from data_prep.nih_metadata import read_image_list, read_split_csv
from data_prep.record import Record, opened_folder
from monai_mocoi.atomic_write import atomic_path, remove_leftovers
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.datalist import SPLITS, Datalist, write_datalist
from monai_mocoi.data.errors import DatasetError
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.splits import split_by_patient
from monai_mocoi.transforms.raster import read_raster

NAME = "Breast histopathology (IDC)"
CLASSES = ("no IDC", "IDC")
MIN_SIZE = 16

WHITE_LEVEL, WHITE_SHARE = 220, 0.9
"""A patch is blank if this share of its pixels has all channels at this level of 255 or above; see docs/data.md."""

_MISSING = "in the given split, but not in --images"
_NOT_IN_SPLIT = "not in the given split"
_BLANK = "blank (white)"
_REPEATED = "same picture as an image of another split"

_ADVICE = (
    "Give all folders with --images and the lists that belong to them, or allow a larger share with --max-missing "
    "(1 = any)."
)

# Of what several splits share, the test split keeps its images, then the validation split.
_KEPT_FIRST = ("test", "validation", "training")

Exclusions = dict[str, list[str]]
Splits = dict[str, list[str]]


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
        DatasetError: an argument, list, image or folder cannot be used; the text says what to do.
        LeakError: the finished lists share a patient or a picture.
    """
    _check_arguments(args)
    out = checked_out(args.out, args.images)
    splitter = _Splitter(args)
    found = find_patches(args.images, len(args.classes))
    patches = found.by_name
    _print_found(found)
    print(f"Split: {splitter.description}")
    given, missing = splitter.given(patches)

    exclusions: Exclusions = defaultdict(list)
    if missing:
        exclusions[_MISSING] += missing
    for name, patch in patches.items():
        if name not in given:
            exclusions[_NOT_IN_SPLIT].append(name)
        elif patch.folder_fault:
            exclusions[patch.folder_fault].append(name)
    total = len(patches) + len(missing)
    check_left_out(exclusions, total, args.max_missing, _ADVICE)
    usable = {name: patches[name] for name in given if not patches[name].folder_fault}
    splitter.draw({name: given[name] for name in usable}, patches)  # too few patients: known before anything is copied

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
        blank = _copy_patches(usable, found.again, out, args, record, exclusions, total)
        if args.drop_blank and blank:
            exclusions[_BLANK] += blank
        unusable = {name for names in exclusions.values() for name in names}
        splits = splitter.draw({name: given[name] for name in usable if name not in unusable}, patches)
        groups = _drop_repeats(out, splits, patches, exclusions, args.workers)
        if not splits["training"]:
            raise DatasetError("no training image is left; check --images and the split.")
        items = {split: [_item(name, patches[name]) for name in sorted(splits[split])] for split in SPLITS}
        report = audit_datalist(_in_memory(out, args, items), workers=args.workers)
        with_other_label = [group for group in groups if len({patches[name].label for name in group}) > 1]
        manifest = {
            "source": "bch",
            "seed": args.seed,
            "options": options,
            "images_with": {split: _images_with(items[split], args.classes) for split in SPLITS},
            "blank": sorted(blank),
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
    if args.seed < 0:
        raise DatasetError(f"--seed is {args.seed}; it must be 0 or more.")
    if args.workers is not None and args.workers < 1:
        raise DatasetError(f"--workers is {args.workers}; at least 1 thread is needed.")
    check_share_option("--val-fraction", args.val_fraction, 0.9)
    check_share_option("--test-fraction", args.test_fraction, 0.9)
    check_share_option("--max-missing", args.max_missing)
    if len(args.classes) < 2 or not all(args.classes) or len(set(args.classes)) < len(args.classes):
        raise DatasetError(f"--classes is {', '.join(args.classes)}; give at least 2 names, each once.")
    if not args.name.strip():
        raise DatasetError("--name is empty; give the data set a name.")
    if (args.train_list is None) != (args.test_list is None) or (args.val_list and not args.train_list):
        raise DatasetError("--train-list and --test-list belong together (--val-list may be added); give both.")
    if args.train_list is not None and args.split_csv is not None:
        raise DatasetError("--train-list and --split-csv exclude one another; give one.")


class _Splitter:
    """Where the split comes from: lists, a CSV file, or a draw by patient.

    Attributes:
        description: for the console.
        options: for the manifest and the record.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._seed = args.seed
        self._table: dict[str, str] | None = None
        val = 0.1 if args.val_fraction is None else args.val_fraction
        test = 0.2 if args.test_fraction is None else args.test_fraction
        self.options: dict[str, Any]
        if args.train_list or args.split_csv:
            if args.train_list:
                files = {"training": args.train_list, "validation": args.val_list, "test": args.test_list}
                given = {split: path for split, path in files.items() if path}
                self._table = _table_of_lists(given)
                self.options = {"split": "lists", "lists_sha256": {split: _sha256(p) for split, p in given.items()}}
            else:
                given = {"": args.split_csv}
                self._table = read_split_csv(args.split_csv)
                self.options = {"split": "csv", "csv_sha256": _sha256(args.split_csv)}
            self.description = ", ".join(Path(path).name for path in given.values()) + " (given)"
            if args.test_fraction is not None:
                raise DatasetError("--test-fraction does not apply: the test split is given.")
            if "validation" not in self._table.values():
                self._draw_from, self._fractions = "training", {"training": 1 - val, "validation": val}
                self.description += f", {val:g} of the training images for validation"
                self.options["val_fraction"] = val
            else:
                self._draw_from, self._fractions = "", {}
                if args.val_fraction is not None:
                    raise DatasetError("--val-fraction does not apply: the validation split is given.")
        else:
            if val + test > 0.95:
                raise DatasetError(f"--val-fraction {val:g} and --test-fraction {test:g} leave too little to train on.")
            self._draw_from = "all"
            self._fractions = {"training": 1 - val - test, "validation": val, "test": test}
            self.description = f"drawn by patient, validation {val:g}, test {test:g}, seed {args.seed}"
            self.options = {"split": "own", "val_fraction": val, "test_fraction": test}

    def given(self, patches: Mapping[str, Patch]) -> tuple[dict[str, str], list[str]]:
        """Return the split of each image so far ("all" before an own draw), and what is listed but not there.

        Images in no list are left out. A name counts before its patient, should both be listed.

        Raises:
            DatasetError: the lists put a patient in two splits, or none of the images in one.
        """
        if self._table is None:
            return dict.fromkeys(patches, "all"), []
        given: dict[str, str] = {}
        by_patient: dict[str, dict[str, str]] = defaultdict(dict)
        for name, patch in patches.items():
            split = self._table.get(name) or self._table.get(patch.patient)
            if split:
                given[name] = split
                by_patient[patch.patient].setdefault(split, name)
        if not given:
            raise DatasetError(
                "none of the patches is in the given split; it must hold their names "
                f"(such as {next(iter(patches))}) or patients (such as {next(iter(patches.values())).patient})."
            )
        if torn := {patient: parts for patient, parts in by_patient.items() if len(parts) > 1}:
            some = "; ".join(
                f"{patient}: " + ", ".join(f"{name} ({split})" for split, name in parts.items())
                for patient, parts in list(torn.items())[:5]
            )
            raise DatasetError(
                f"the given split puts {len(torn)} patient(s) in two splits ({some}). Correct it, or let the split be "
                "drawn here by patient, without lists."
            )
        known = patches.keys() | {patch.patient for patch in patches.values()}
        return given, sorted(self._table.keys() - known)

    def draw(self, given: Mapping[str, str], patches: Mapping[str, Patch]) -> Splits:
        """Return the image names by split after what has to be drawn is drawn."""
        splits: Splits = {split: [] for split in SPLITS}
        pool: list[str] = []
        for name in sorted(given):
            (pool if given[name] == self._draw_from else splits[given[name]]).append(name)
        parts = [split for split, fraction in self._fractions.items() if fraction > 0]
        if pool:
            part_of = split_by_patient(
                [patches[name].patient for name in pool],
                np.array([patches[name].label for name in pool]),
                [self._fractions[part] for part in parts],
                self._seed,
            )
            for name, part in zip(pool, part_of, strict=True):
                splits[parts[part]].append(name)
        return splits


def _table_of_lists(paths: Mapping[str, str]) -> dict[str, str]:
    table: dict[str, str] = {}
    for split, path in paths.items():
        names = read_image_list(path)
        if both := sorted(names & table.keys()):
            raise DatasetError(
                f"{len(both)} line(s) of {Path(path).name} are in another list too ({', '.join(both[:5])}); "
                "take them out of one."
            )
        table |= dict.fromkeys(names, split)
    return table


def _copy_patches(
    patches: Mapping[str, Patch],
    again: Mapping[str, Sequence[str]],
    out: Path,
    args: argparse.Namespace,
    record: Record,
    exclusions: Exclusions,
    total: int,
) -> list[str]:
    """Copy what is not finished yet, each source opened once; returns the names of the blank patches."""
    todo, blank = [], []
    for name, patch in patches.items():
        finished = record.finished(name, patch.path, _target(out, name, patch))
        if finished is None:
            todo.append(name)
        elif finished:
            blank.append(name)
    if len(todo) < len(patches):
        print(f"{len(patches) - len(todo)} images are finished already, {len(todo)} are left")

    def copy(name: str) -> bool | str:
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
        return is_blank(picture)

    with closing(map_in_threads(copy, todo, len(todo), args.workers, "images")) as results:
        for place, result in results:
            name = todo[place]
            if isinstance(result, str):
                exclusions[result].append(name)
                check_left_out(exclusions, total, args.max_missing, _ADVICE)
                continue
            record.add(name, patches[name].path, _target(out, name, patches[name]), result)
            if result:
                blank.append(name)
    return blank


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _target(out: Path, name: str, patch: Patch) -> Path:
    # One folder a patient: a single one with hundreds of thousands of files is slow on network disks.
    return out / "images" / patch.patient / name


def _drop_repeats(
    out: Path, splits: Splits, patches: Mapping[str, Patch], exclusions: Exclusions, workers: int | None
) -> list[list[str]]:
    """Take pictures that stand in two splits out of all but one; returns all groups of identical pictures."""
    names = sorted(name for split in SPLITS for name in splits[split])
    prints = dataset_fingerprints(out, [str(_target(out, name, patches[name])) for name in names], names, workers)
    digest = {name: bytes(row) for name, row in zip(names, prints.digests, strict=True)}
    groups: dict[bytes, list[str]] = defaultdict(list)
    for name in names:
        groups[digest[name]].append(name)
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
    return sorted(group for group in groups.values() if len(group) > 1)


def _item(name: str, patch: Patch) -> dict[str, Any]:
    return {"image": f"images/{patch.patient}/{name}", "label": patch.label, "patient": patch.patient}


def _in_memory(out: Path, args: argparse.Namespace, items: Mapping[str, list[dict[str, Any]]]) -> Datalist:
    """Return the datalist that is going to be written, for the audit: the file comes last."""
    resolved = {
        split: [{**item, "image": str(out / item["image"]), "name": item["image"]} for item in items[split]]
        for split in SPLITS
    }
    return Datalist(name=args.name, labels=tuple(args.classes), folder=out, sha256="", **resolved)


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
    fate = "left out" if args.drop_blank else "kept; --drop-blank leaves them out"
    print(f"blank (white) patches: {blank} ({fate}; listed in manifest.json)")
    print(
        f"pictures that occur more than once: {len(groups)}, in {sum(map(len, groups))} files; "
        f"{with_other_label} of them with different labels (listed in manifest.json)"
    )
    for reason, names in exclusions.items():
        print(f"left out, {reason}: {len(names)} (listed in manifest.json)")
    print(f"The dataset folder is ready: {args.out}\nNext, to pretrain on it:")
    print(
        "  python -m monai_mocoi run bundles/bch_mse/configs/train.json --dataset_dir "
        + shlex.quote(args.out)
        + " --output_dir "
        + shlex.quote(os.path.join("runs", os.path.basename(os.path.abspath(args.out))))
    )


def _sha256(path: str | Path) -> str:
    try:
        return hashlib.sha256(_content(os.fspath(path))).hexdigest()
    except OSError as error:
        raise DatasetError(f"'{path}' cannot be read ({error.strerror}).") from None
