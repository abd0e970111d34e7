"""Where the split of a preparation comes from: lists, a table, or a draw by patient."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from data_prep.nih_metadata import read_image_list, read_split_csv
from data_prep.record import file_sha256
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.patient_ids import patient_key
from monai_mocoi.data.splits import split_by_patient
from monai_mocoi.errors import DatasetError, RefusedError

_UNSPLIT = "all"


class SplitOptions(Protocol):
    """The options that decide the split; None where they are not given."""

    split_csv: str | None
    val_fraction: float | None
    test_fraction: float | None
    seed: int


class Splitter:
    """The split as far as it is given, and the draw of the rest.

    Args:
        args: the command's options.
        lists: files with one image name or patient a line, by split; None for none. They come before ``split_csv``.
        how: where the lists come from, for the console.
        without: how to leave the given split aside, for an error's text: "without lists", say.

    Attributes:
        description: for the console.
        options: for the manifest and the record.

    Raises:
        DatasetError: a file cannot be used, or a name is in two lists.
        RefusedError: an option does not apply.
    """

    def __init__(
        self,
        args: SplitOptions,
        *,
        without: str,
        lists: Mapping[str, str | Path] | None = None,
        how: str = "given",
    ) -> None:
        self._seed, self._without = args.seed, without
        self._table: dict[str, str] = {}
        val = 0.1 if args.val_fraction is None else args.val_fraction
        test = 0.2 if args.test_fraction is None else args.test_fraction
        self.options: dict[str, Any]
        if lists:
            self._table = _table_of_lists(lists)
            self.description = ", ".join(Path(path).name for path in lists.values()) + f" ({how})"
            self.options = {"split": "lists", "lists_sha256": {s: file_sha256(path) for s, path in lists.items()}}
        elif args.split_csv is not None:
            self._table = read_split_csv(args.split_csv)
            self.description = f"{Path(args.split_csv).name} (given)"
            self.options = {"split": "csv", "csv_sha256": file_sha256(args.split_csv)}
        else:
            if val + test > 0.95:
                raise RefusedError(f"--val-fraction {val:g} and --test-fraction {test:g} leave too little to train on.")
            self._draw_from, self._fractions = _UNSPLIT, {"training": 1 - val - test, "validation": val, "test": test}
            self.description = f"drawn by patient, validation {val:g}, test {test:g}, seed {args.seed}"
            self.options = {"split": "own", "val_fraction": val, "test_fraction": test}
            return
        if args.test_fraction is not None:
            raise RefusedError("--test-fraction does not apply: the test split is given.")
        if "validation" not in self._table.values():
            self._draw_from, self._fractions = "training", {"training": 1 - val, "validation": val}
            self.description += f", {val:g} of its training images for validation"
            self.options["val_fraction"] = val
        else:
            self._draw_from, self._fractions = "", {}
            if args.val_fraction is not None:
                raise RefusedError("--val-fraction does not apply: the validation split is given.")

    @property
    def listed(self) -> int:
        """Number of lines of the given split, 0 without one; each stands for an image or a patient."""
        return len(self._table)

    def given(
        self,
        patient_of: Mapping[str, str],
        decided: Mapping[str, str] | None = None,
        meaning: Callable[[str], str] = str,
    ) -> tuple[dict[str, str], list[str]]:
        """Return the split of each image so far ("all" before an own draw), and what is listed but not there.

        Images in no list are left out. A name counts before its patient, should both be listed. An image may be listed
        with folders before its name and without suffix, a patient with or without leading zeros, for tables drop them.

        Args:
            patient_of: the patient of each image, by name.
            decided: the split of images that no list decides, by name: a site that is held out, say.
            meaning: what a line stands for, where names and patients are not those of the list.

        Raises:
            DatasetError: the given split puts an image or a patient in two splits, or has none of the images; two ids
                are spellings of one number.
        """
        decided = decided or {}
        patients = _by_key(patient_of.values())
        if not self._table:
            return {name: decided.get(name, _UNSPLIT) for name in patient_of}, []
        names, missing = self._meant(patient_of, patients, meaning)
        given: dict[str, str] = {}
        by_patient: dict[str, dict[str, str]] = defaultdict(dict)
        for name, patient in patient_of.items():
            split = names.get(name) or names.get(patient) or decided.get(name)
            if split:
                given[name] = split
                by_patient[patient].setdefault(split, name)
        if not given:
            name, patient = next(iter(patient_of.items()))
            raise DatasetError(
                f"none of the images is in the given split; it must hold their names (such as {name}) or patients "
                f"(such as {patient})."
            )
        if torn := {patient: parts for patient, parts in by_patient.items() if len(parts) > 1}:
            some = "; ".join(
                f"{patient}: " + ", ".join(f"{name} ({split})" for split, name in parts.items())
                for patient, parts in list(torn.items())[:5]
            )
            raise DatasetError(
                f"the given split puts {len(torn)} patient(s) in two splits ({some}): what is learnt from one image is "
                f"then tested on another of the same patient. Correct it, or split by patient here, {self._without}."
            )
        return given, missing

    def _meant(
        self, patient_of: Mapping[str, str], patients: Mapping[str, str], meaning: Callable[[str], str]
    ) -> tuple[dict[str, str], list[str]]:
        """Return the split by image name or patient, and the sorted lines that stand for neither."""
        by_stem = {os.path.splitext(name)[0]: name for name in patient_of}
        meant: dict[str, tuple[str, str]] = {}
        missing: list[str] = []
        for written, split in self._table.items():
            line = meaning(written)
            last = line.replace("\\", "/").rstrip("/").rpartition("/")[2]
            target = last if last in patient_of else by_stem.get(last) or by_stem.get(os.path.splitext(last)[0])
            target = target or patients.get(patient_key(last))
            if target is None:
                missing.append(line)
                continue
            before, other = meant.setdefault(target, (split, line))
            if before != split:
                raise DatasetError(
                    f"the given split has {target} as '{other}' in {before} and as '{line}' in {split}; keep one line."
                )
        return {target: split for target, (split, _) in meant.items()}, sorted(missing)

    def draw(
        self, given: Mapping[str, str], patient_of: Mapping[str, str], label_of: Mapping[str, Any]
    ) -> dict[str, list[str]]:
        """Return the image names by split, sorted, after what has to be drawn is drawn.

        Args:
            given: from :meth:`given`, less what cannot be used.
            patient_of: the patient of each image.
            label_of: what to keep balanced: a class number, or 0 and 1 for each finding.

        Raises:
            DatasetError: there are fewer patients than splits to draw.
        """
        splits: dict[str, list[str]] = {split: [] for split in SPLITS}
        pool: list[str] = []
        for name in sorted(given):
            if given[name] == self._draw_from:
                pool.append(name)
            else:
                splits.setdefault(given[name], []).append(name)
        # What is decided for some images (a site that is held out is the test split) is not drawn of the others.
        shares = {split: share for split, share in self._fractions.items() if share > 0}
        for split in [split for split in shares if split != "training" and splits[split]]:
            shares["training"] += shares.pop(split)
        if pool:
            parts = list(shares)
            part_of = split_by_patient(
                [patient_of[name] for name in pool],
                np.array([label_of[name] for name in pool]),
                list(shares.values()),
                self._seed,
            )
            for name, part in zip(pool, part_of, strict=True):
                splits[parts[part]].append(name)
        return splits


def _by_key(patients: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for patient in patients:
        if (other := found.setdefault(patient_key(patient), patient)) != patient:
            raise DatasetError(
                f"the patients {other} and {patient} are spellings of one number: if they are one person, rename the "
                "images; if they are two, too, for they would be taken for one."
            )
    return found


def _table_of_lists(paths: Mapping[str, str | Path]) -> dict[str, str]:
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
