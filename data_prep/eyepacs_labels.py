"""The tables of EyePACS (Kaggle's diabetic retinopathy detection): ``trainLabels.csv``, and what the grades become."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_mocoi.errors import DatasetError
from monai_mocoi.files.csv_table import read_table

GRADES = (
    "no retinopathy",
    "mild retinopathy",
    "moderate retinopathy",
    "severe retinopathy",
    "proliferative retinopathy",
)

TARGETS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "referable": (("not referable", "referable"), (0, 0, 1, 1, 1)),
    "any": (("no retinopathy", "any retinopathy"), (0, 1, 1, 1, 1)),
    "grade": (GRADES, (0, 1, 2, 3, 4)),
}
"""For each target the names of its classes, and the class of each grade 0 to 4."""

_COLUMNS = ("image", "level")
_NAME = re.compile(r"([A-Za-z0-9-]+)_(left|right)")


@dataclass(frozen=True)
class Eye:
    """One row of the labels.

    Attributes:
        patient: what stands before ``_left`` or ``_right`` in the image's name.
        side: "left" or "right".
        level: grade of the diabetic retinopathy, 0 to 4.
    """

    patient: str
    side: str
    level: int


def read_labels(paths: Sequence[str | Path]) -> dict[str, Eye]:
    """Read ``trainLabels.csv``, and further files in the same columns.

    Args:
        paths: CSV files, plain or gzip (``.gz``), with the columns image (``<id>_left`` or ``<id>_right``) and level
            (0 to 4); others are not looked at.

    Returns:
        the rows by image name without suffix, sorted by it.

    Raises:
        DatasetError: a column is missing, a name or level is of another form, an image is named twice; no rows.
    """
    eyes: dict[str, Eye] = {}
    for path in map(Path, paths):
        table = read_table(path, _COLUMNS)
        header = [column.lower() for column in table.header]
        if missing := [column for column in _COLUMNS if column not in header]:
            raise DatasetError(
                f"{path.name} lacks the column(s) {', '.join(missing)}; it has {', '.join(header) or 'none'}. "
                "Give EyePACS's trainLabels.csv as --labels."
            )
        image_at, level_at = (header.index(column) for column in _COLUMNS)
        for number, row in table.rows:
            place = f"{path.name}, row {number}"
            if len(row) <= max(image_at, level_at):
                raise DatasetError(f"{place} has only {len(row)} columns; the file may be cut off. Download it again.")
            name, level = row[image_at].strip(), row[level_at].strip()
            match = _NAME.fullmatch(name)
            if match is None:
                raise DatasetError(f"{place}: image '{name}'; it must be a name such as 10_left or 10_right.")
            if level not in ("0", "1", "2", "3", "4"):
                raise DatasetError(f"{place}: level '{level}'; it must be a grade from 0 to 4.")
            if name in eyes:
                raise DatasetError(f"{place}: '{name}' has a row already; keep one.")
            eyes[name] = Eye(match[1], match[2], int(level))
    if not eyes:
        raise DatasetError(f"{', '.join(Path(path).name for path in paths)}: no rows.")
    return dict(sorted(eyes.items()))
