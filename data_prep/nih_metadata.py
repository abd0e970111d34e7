"""The metadata of NIH ChestX-ray14: ``Data_Entry_2017*.csv``."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.tables import table_rows
from monai_mocoi.data.ages import as_numbers
from monai_mocoi.data.columns import as_value
from monai_mocoi.data.patient_ids import patient_in_name, patient_key
from monai_mocoi.errors import DatasetError

FINDINGS = tuple(  # the 14 findings, in the order of the data set's paper (Wang et al., CVPR 2017, and its extension)
    "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumonia Pneumothorax Consolidation Edema Emphysema "  # noqa: SIM905
    "Fibrosis Pleural_Thickening Hernia".split()
)

NO_FINDING = "No Finding"
COLUMNS = {"sex": "Patient Gender", "age": "Patient Age", "view": "View Position"}  # by name in the datalist
_IMAGE, _FINDINGS, _PATIENT = _NEEDED = ("Image Index", "Finding Labels", "Patient ID")


@dataclass(frozen=True)
class Study:
    """One row of the metadata."""

    patient: str  # the published number as 8 digits
    label: tuple[int, ...]  # 14 values, 1 = the finding is named, in the order of FINDINGS; all 0 for "No Finding"
    columns: dict[str, str | int]  # sex ("F", "M"), age (years up to 120) and view ("AP", "PA"), where they are known


def read_metadata(path: str | Path) -> dict[str, Study]:
    """Return the rows of ``Data_Entry_2017.csv`` or ``Data_Entry_2017_v2020.csv``, or a part, by image name, sorted.

    Other columns, which differ between the two publications, are not looked at. An unknown finding, a patient that is
    no number or another one than in the image's name, or an image named twice is a DatasetError.
    """
    labels: dict[str, tuple[int, ...]] = {}
    studies: dict[str, Study] = {}
    contradictions: list[str] = []
    advice = "Give the Data_Entry_2017*.csv of NIH ChestX-ray14 as --metadata."
    for place, row in table_rows(path, _NEEDED, advice, tuple(COLUMNS.values())):
        name, findings, patient = row[_IMAGE], row[_FINDINGS], row[_PATIENT]
        if not name.lower().endswith(".png") or any(sign in name for sign in "/\\\0"):
            raise DatasetError(f"{place}: Image Index '{name}'; it must be a plain file name such as 00000001_000.png.")
        if name in studies:
            raise DatasetError(f"{place}: '{name}' has a row already; keep one.")
        if not (patient.isascii() and patient.isdigit()):
            raise DatasetError(f"{place}: Patient ID '{patient}'; it must be a whole number.")
        if findings not in labels:
            labels[findings] = _label(place, findings)
        named = patient_in_name(name)
        if named is not None and patient_key(named[1]) != patient_key(patient):
            contradictions.append(f"{place.rpartition(', ')[2]}: {name} has {patient}")
        cells = {own: row[column] for own, column in COLUMNS.items() if column in row}
        studies[name] = Study(patient.zfill(8), labels[findings], _known(cells))
    if contradictions:
        raise DatasetError(
            f"{Path(path).name}: in {len(contradictions)} of {len(studies)} rows the Patient ID is not the number "
            f"before '_' in Image Index, which is the patient in NIH ChestX-ray14 ({'; '.join(contradictions[:5])}). "
            "One person would get into several splits. A column was sorted or numbered apart from the others: take the "
            "published table."
        )
    return dict(sorted(studies.items()))


def _known(cells: dict[str, str]) -> dict[str, str | int]:
    """The columns that are handed on, without those that are empty or not known."""
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
