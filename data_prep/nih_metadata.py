"""The tables of NIH ChestX-ray14: ``Data_Entry_2017*.csv`` and the lists that split it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monai_mocoi.data.ages import as_numbers
from monai_mocoi.data.columns import as_value
from monai_mocoi.data.patient_ids import patient_in_name, patient_key
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.csv_table import read_table, read_text

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
"""The 14 findings, in the order of the data set's paper (Wang et al., CVPR 2017, and its extension)."""

NO_FINDING = "No Finding"

_COLUMNS = ("Image Index", "Finding Labels", "Patient ID")
COLUMNS = {"sex": "Patient Gender", "age": "Patient Age", "view": "View Position"}
"""What is handed on beside the labels: its name in the datalist, and in the metadata."""
_SPLIT_NAMES = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Study:
    """One row of the metadata.

    Attributes:
        patient: the published number as 8 digits.
        label: 14 values, 1 = the finding is named, in the order of ``FINDINGS``; all 0 for "No Finding".
        columns: ``sex`` ("F", "M"), ``age`` (whole years) and ``view`` ("AP", "PA"), as far as they are known: there
            are ages beyond 120 years, and tables without these columns.
    """

    patient: str
    label: tuple[int, ...]
    columns: dict[str, str | int]


def read_metadata(path: str | Path) -> dict[str, Study]:
    """Read ``Data_Entry_2017.csv`` or ``Data_Entry_2017_v2020.csv``, or a part of it in the same columns.

    Args:
        path: the CSV file, plain or gzip (``.gz``). Needed are the columns Image Index, Finding Labels and Patient ID;
            Patient Gender, Patient Age and View Position are handed on where they are there; others, which differ
            between the two publications, are not looked at.

    Returns:
        the rows by image name, sorted by it.

    Raises:
        DatasetError: a column is missing, a finding unknown, a patient no number or another one than in the image's
            name, an image named twice; no rows.
    """
    table = read_table(path, _COLUMNS)
    header = table.header
    if missing := [column for column in _COLUMNS if column not in header]:
        raise DatasetError(
            f"{Path(path).name} lacks the column(s) {', '.join(missing)}; it has {', '.join(header) or 'none'}. "
            "Give the Data_Entry_2017*.csv of NIH ChestX-ray14 as --metadata."
        )
    image_at, findings_at, patient_at = (header.index(column) for column in _COLUMNS)
    handed_on = {name: header.index(column) for name, column in COLUMNS.items() if column in header}
    labels: dict[str, tuple[int, ...]] = {}
    studies: dict[str, Study] = {}
    contradictions: list[str] = []
    for number, row in table.rows:
        place = f"{Path(path).name}, row {number}"
        if len(row) <= max(image_at, findings_at, patient_at):
            raise DatasetError(f"{place} has only {len(row)} columns; the file may be cut off. Download it again.")
        name, findings, patient = row[image_at].strip(), row[findings_at].strip(), row[patient_at].strip()
        if not name.lower().endswith(".png") or any(sign in name for sign in "/\\\0"):
            raise DatasetError(f"{place}: Image Index '{name}'; it must be a plain file name such as 00000001_000.png.")
        if name in studies:
            raise DatasetError(f"{place}: '{name}' has a row already; keep one.")
        if not (patient.isascii() and patient.isdigit()):
            raise DatasetError(f"{place}: Patient ID '{patient}'; it must be a whole number.")
        if findings not in labels:
            labels[findings] = _label(place, findings)
        told = patient_in_name(name)
        if told is not None and patient_key(told[1]) != patient_key(patient):
            contradictions.append(f"row {number}: {name} has {patient}")
        cells = {column: row[place] for column, place in handed_on.items() if place < len(row)}
        studies[name] = Study(patient.zfill(8), labels[findings], _known(cells))
    if not studies:
        raise DatasetError(f"{Path(path).name} has no rows.")
    if contradictions:
        raise DatasetError(
            f"{Path(path).name}: in {len(contradictions)} of {len(studies)} rows the Patient ID is not the number "
            f"before '_' in Image Index, which is the patient in NIH ChestX-ray14 ({'; '.join(contradictions[:5])}). "
            "One person would get into several splits. A column was sorted or numbered apart from the others: take the "
            "published table."
        )
    return dict(sorted(studies.items()))


def read_image_list(path: str | Path) -> set[str]:
    """Read ``train_val_list.txt`` or ``test_list.txt``: one image name a line; plain or gzip.

    Raises:
        DatasetError: it names no image, or is no text.
    """
    names = {line.strip() for line in read_text(path).splitlines()} - {""}
    if not names:
        raise DatasetError(f"{Path(path).name} names no image.")
    return names


def read_split_csv(path: str | Path) -> dict[str, str]:
    """Read a split as a CSV with the columns ``image`` and ``split``; plain or gzip.

    Args:
        path: the file. Splits are called train or training; val, valid or validation; test or testing; any case.

    Returns:
        ``training``, ``validation`` or ``test`` by image name.

    Raises:
        DatasetError: a column is missing, a split's name unknown, an image in two splits; no rows.
    """
    table = read_table(path, ("image", "split"))
    header = [column.lower() for column in table.header]
    if missing := [column for column in ("image", "split") if column not in header]:
        raise DatasetError(f"{Path(path).name} lacks the column(s) {', '.join(missing)}; it needs image and split.")
    image_at, split_at = header.index("image"), header.index("split")
    splits: dict[str, str] = {}
    for number, row in table.rows:
        if len(row) <= max(image_at, split_at):
            raise DatasetError(
                f"{Path(path).name}, row {number} has only {len(row)} columns; it needs image and split."
            )
        name, word = row[image_at].strip(), row[split_at].strip()
        split = _SPLIT_NAMES.get(word.lower())
        if split is None:
            raise DatasetError(f"{Path(path).name}, row {number}: split '{word}'; it must be train, val or test.")
        if splits.setdefault(name, split) != split:
            raise DatasetError(f"{Path(path).name}, row {number}: '{name}' is in {splits[name]} and in {split}.")
    if not splits:
        raise DatasetError(f"{Path(path).name} has no rows.")
    return splits


def _known(cells: dict[str, str]) -> dict[str, str | int]:
    """The columns that are handed on, less those that say nothing."""
    columns: dict[str, str | int] = {}
    for name, cell in cells.items():
        value = as_value(cell)
        if name == "age":  # "057Y" or "57"
            years = as_numbers(name, [value])
            if years is not None and np.isfinite(years[0]):
                columns[name] = int(years[0])
        elif value is not None:
            columns[name] = str(value)
    return columns


def _label(place: str, findings: str) -> tuple[int, ...]:
    named = {finding.strip() for finding in findings.split("|")}
    if named == {NO_FINDING}:
        return (0,) * len(FINDINGS)
    if unknown := sorted(named - set(FINDINGS)):
        why = f"stands beside others in '{findings}'" if unknown == [NO_FINDING] else "is not one of the 14 findings"
        raise DatasetError(
            f"{place}: finding '{', '.join(unknown)}' {why}; "
            f"the findings are {', '.join(FINDINGS)}, or {NO_FINDING} alone."
        )
    return tuple(int(finding in named) for finding in FINDINGS)
