"""The labels of EyePACS (Kaggle's diabetic retinopathy detection): ``trainLabels.csv``, and classes from its grades."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.tables import table_rows
from monai_mocoi.errors import DatasetError

GRADES = tuple(f"{grade} retinopathy" for grade in ("no", "mild", "moderate", "severe", "proliferative"))
TARGETS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {  # names of the classes, class by grade
    "referable": (("not referable", "referable"), (0, 0, 1, 1, 1)),
    "any": (("no retinopathy", "any retinopathy"), (0, 1, 1, 1, 1)),
    "grade": (GRADES, (0, 1, 2, 3, 4)),
}

_NAME = re.compile(r"([A-Za-z0-9-]+)_(left|right)")


@dataclass(frozen=True)
class Eye:
    """One row of the labels."""

    patient: str  # what comes before _left or _right in the image's name
    side: str  # "left" or "right"
    level: int  # grade of the diabetic retinopathy, 0 to 4


def read_labels(paths: Sequence[str | Path]) -> dict[str, Eye]:
    """Return the rows of ``trainLabels.csv``, and of files in the same columns, by image name, sorted."""
    eyes: dict[str, Eye] = {}
    for path in paths:
        for place, row in table_rows(path, ("image", "level"), "Give EyePACS's trainLabels.csv as --labels."):
            name, level = row["image"], row["level"]
            match = _NAME.fullmatch(name)
            if match is None:
                raise DatasetError(f"{place}: image '{name}'; it must be a name such as 10_left or 10_right.")
            if level not in ("0", "1", "2", "3", "4"):
                raise DatasetError(f"{place}: level '{level}'; it must be a grade from 0 to 4.")
            if name in eyes:
                raise DatasetError(f"{place}: '{name}' has a row already; keep one.")
            eyes[name] = Eye(match[1], match[2], int(level))
    return dict(sorted(eyes.items()))
