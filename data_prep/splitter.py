"""The split of a preparation: given by lists or a table, or drawn by patient."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.options import Options
from data_prep.tables import by_number, check_whole_patients, file_sha256, match_lines, read_lists, read_split_csv
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.splits import split_by_patient
from monai_mocoi.errors import DatasetError, RefusedError

_UNSPLIT = "all"


class Splitter:
    """The split as far as it is given, and the draw of the rest.

    ``lists`` are files with one image name or patient a line, by split; they come before ``split_csv``. Texts say
    ``how`` they were found, and how to leave the given split aside: ``without`` lists, say. ``description`` is for the
    console, ``options`` for manifest and record. A file that cannot be used is a DatasetError, an option that does not
    apply a RefusedError.
    """

    def __init__(
        self, args: Options, *, without: str, lists: Mapping[str, str | Path] | None = None, how: str = "given"
    ) -> None:
        self._seed, self._without = args.seed, without
        self._decided: set[str] = set()  # splits that are given, as far as they have images
        self._table: dict[str, str] = {}
        val = 0.1 if args.val_fraction is None else args.val_fraction
        test = 0.2 if args.test_fraction is None else args.test_fraction
        self.options: dict[str, Any]
        if lists:
            self._table = read_lists(lists)
            self.description = ", ".join(Path(path).name for path in lists.values()) + f" ({how})"
            self.options = {"split": "lists", "lists_sha256": {s: file_sha256(path) for s, path in lists.items()}}
        elif args.split_csv is not None:
            self._table = read_split_csv(args.split_csv)
            self.description = f"{Path(args.split_csv).name} (given)"
            self.options = {"split": "csv", "csv_sha256": file_sha256(args.split_csv)}
        else:
            if val + test > 0.95:
                raise RefusedError(
                    f"validation ({val:g}) and test ({test:g}) leave too little to train on: name smaller fractions."
                )
            self._draw_from, self._fractions = _UNSPLIT, {"training": 1 - val - test, "validation": val, "test": test}
            self.description = f"drawn by patient, validation {val:g}, test {test:g}, seed {args.seed}"
            self.options = {"split": "own", "val_fraction": val, "test_fraction": test}
            return
        if args.test_fraction is not None:
            raise RefusedError("a test fraction does not apply: the test split is given.")
        if "validation" not in self._table.values():
            self._draw_from, self._fractions = "training", {"training": 1 - val, "validation": val}
            self.description += f", {val:g} of its training images for validation"
            self.options["val_fraction"] = val
        else:
            self._draw_from, self._fractions = "", {}
            if args.val_fraction is not None:
                raise RefusedError("a validation fraction does not apply: the validation split is given.")

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

        Images in no list are left out, except those whose split is ``decided``: a site that is held out, say. A name
        counts before its patient, if both are listed. A split that tears a patient is a DatasetError.
        """
        decided = decided or {}
        if not self._table:
            by_number(patient_of.values())
            self._decided = {*decided.values()}
            return {name: decided.get(name, _UNSPLIT) for name in patient_of}, []
        listed, missing = match_lines(self._table, patient_of, meaning)
        splits = {
            name: listed.get(name) or listed.get(patient) or decided.get(name) for name, patient in patient_of.items()
        }
        given = {name: split for name, split in splits.items() if split}
        if not given:
            name, patient = next(iter(patient_of.items()))
            raise DatasetError(
                f"none of the images is in the given split; it must hold their names (such as {name}) or patients "
                f"(such as {patient})."
            )
        check_whole_patients(given, patient_of, self._without)
        self._decided = {*given.values()} - {self._draw_from}
        return given, missing

    def draw(
        self, given: Mapping[str, str], patient_of: Mapping[str, str], label_of: Mapping[str, Any]
    ) -> dict[str, list[str]]:
        """Return the image names by split, sorted, with the rest of :meth:`given` drawn, ``label_of`` balanced.

        A validation or test split that was given and has no image any more is a DatasetError: another one, drawn from
        the rest, would not be what was asked for.
        """
        splits: dict[str, list[str]] = {split: [] for split in SPLITS}
        pool: list[str] = []
        for name in sorted(given):
            if given[name] == self._draw_from:
                pool.append(name)
            else:
                splits.setdefault(given[name], []).append(name)
        if lost := [split for split in ("validation", "test") if split in self._decided and not splits[split]]:
            raise DatasetError(
                f"the {lost[0]} split is given, but all of its images are left out: they cannot be used, or are "
                "copies. Look at these images, or give another split."
            )
        # What is decided for some images (a site that is held out is the test split) is not drawn of the others.
        shares = {split: share for split, share in self._fractions.items() if share > 0}
        for split in [split for split in shares if split != "training" and split in self._decided]:
            shares["training"] += shares.pop(split)
        if pool:
            parts = list(shares)
            patients, labels = [patient_of[name] for name in pool], np.array([label_of[name] for name in pool])
            part_of = split_by_patient(patients, labels, list(shares.values()), self._seed)
            for name, part in zip(pool, part_of, strict=True):
                splits[parts[part]].append(name)
        return splits
