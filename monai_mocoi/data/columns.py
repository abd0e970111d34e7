"""What is known of an image beside its label: columns of the datalist or of a table, such as sex, age and view."""

from __future__ import annotations

import math
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.patient_ids import patient_key
from monai_mocoi.errors import RefusedError, TableError
from monai_mocoi.files.csv_table import read_table

NO_COLUMNS = ("image", "name", "label", "patient")
"""Keys of a datalist's item that are no columns."""
OLDEST = 120
"""Years; an age beyond is a slip of the pen (there are 16 in NIH ChestX-ray14, up to 414) and counts as not known."""

Value = str | float | None
"""Of a column: a text, a number, or None where it is not known."""

_NOT_KNOWN = {"", "nan", "na", "n/a", "none", "null", "unknown"}
# Words of the names of columns, in small letters without accents; "agemonths" is one word too.
_AGE = r"(?:(?:patients?|pat|pt)?age|(?:patienten|lebens|gestations)?alter|edad|eta|idade|leeftijd)"
_UNITS = {
    "months": r"mos?|mon|mth?s?|months?|monate?n?|mois|mes|meses|mesi",
    "weeks": r"wks?|weeks?|wochen?|semaines?|semanas?|settimane|gestation(?:al|s|salter)?|ssw",
    "days": r"days?|tage?n?|jours?|dias?|giorni",
}
_YEARS = r"y|yrs?|years?|jahren?|anos"
_AGE_WORD = re.compile(rf"{_AGE}(?:s|at[a-z]*|(?:in)?(?:{'|'.join([_YEARS, *_UNITS.values()])}))?")
_UNIT_WORDS = {unit: re.compile(rf"{unit[0]}|(?:{_AGE}(?:in)?)?(?:{words})") for unit, words in _UNITS.items()}
_DICOM_AGE = re.compile(r"([0-9]{1,3})([DWMY])")
_IN_A_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}


@dataclass(frozen=True)
class Columns:
    """Columns of the images that are tested.

    Attributes:
        values: of each column, one value an image.
        source: "datalist", or the name of the table without its folders.
        without_row: images of which the table has no row.
        unused_rows: rows of the table that stand for none of the images.
    """

    values: dict[str, list[Value]]
    source: str
    without_row: int = 0
    unused_rows: int = 0


def as_value(value: Any) -> Value:
    """A cell as text or number; None for what says that it is not known (empty, NaN, NA, n/a, none, null, unknown)."""
    if value is None or isinstance(value, bool):
        return {None: None, True: "yes", False: "no"}[value]
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    text = str(value).strip()
    return None if text.lower() in _NOT_KNOWN else text


def item_columns(items: Sequence[Mapping[str, Any]]) -> dict[str, list[Value]]:
    """The columns of a datalist's items: every key but those in ``NO_COLUMNS`` whose values are texts or numbers.

    Args:
        items: of a split, as :func:`~monai_mocoi.data.load_datalist` gives them.

    Returns:
        of each column, in the order of their first item, one value an item; None where the item lacks it.
    """
    names = dict.fromkeys(key for item in items for key in item if key not in NO_COLUMNS)
    found = {name: [item.get(name) for item in items] for name in names}
    return {
        name: [as_value(value) for value in values]
        for name, values in found.items()
        if all(value is None or isinstance(value, str | int | float) for value in values)
    }


def chosen_columns(subgroups: str | Path | Sequence[str] | None, items: Sequence[Mapping[str, Any]]) -> Columns:
    """The columns by which a classifier's subgroups are told apart.

    Args:
        subgroups: names of the datalist's columns; None: all of them; or a CSV file, see :func:`read_columns`, whose
            columns are taken instead.
        items: of the split that is tested.

    Raises:
        RefusedError: the datalist has no such column.
        TableError: see :func:`read_columns`.
    """
    if isinstance(subgroups, str | Path):
        return read_columns(subgroups, *([item[key] for item in items] for key in ("name", "patient")))
    held = item_columns(items)
    for name in [] if subgroups is None else subgroups:
        if name not in held:
            raise RefusedError(
                f"subgroups names {name!r}, but the datalist's columns are {', '.join(held) or 'none'}: name some of "
                "them, or give a CSV file with a column image or patient."
            )
    return Columns({name: held[name] for name in (held if subgroups is None else subgroups)}, "datalist")


def read_columns(path: str | Path, images: Sequence[str], patients: Sequence[str]) -> Columns:
    """Read the columns of images from a CSV table and put them in the images' order.

    Args:
        path: a table with a column ``image`` or ``patient`` (by image, if it has both) and one or more others. An image
            may lack its folders or its suffix where that leaves no doubt; a patient's number its leading zeros.
        images: id of each image, its path in the dataset folder.
        patients: id of each image's patient.

    Raises:
        TableError: it cannot be read, lacks these columns, has a column twice or no row of these images, or says two
            things of one image or patient. Names rows, never ids.
    """
    name = Path(path).name
    table = read_table(path, ("image",))
    lower = [column.lower() for column in table.header]
    key = next((key for key in ("image", "patient") if key in lower), None)
    wanted = {place: column for place, column in enumerate(table.header) if column and lower[place] not in NO_COLUMNS}
    if key is None or not wanted:
        raise TableError(
            f"{name} needs a column image or patient in its first row, and one or more others, such as sex or site."
        )
    if len(set(wanted.values())) < len(wanted) or lower.count(key) > 1:
        raise TableError(f"{name} has two columns of one name; rename one.")
    find = _finder(images) if key == "image" else _patient_finder(patients)
    key_at = lower.index(key)
    row_of: dict[str, tuple[int, list[Value]]] = {}
    unused = 0
    for number, row in table.rows:
        cells = [as_value(row[place] if place < len(row) else None) for place in wanted]
        found = find(row[key_at].strip() if key_at < len(row) else "")
        if found is None:
            unused += 1
        elif row_of.setdefault(found, (number, cells))[1] != cells:
            raise TableError(f"{name}, rows {row_of[found][0]} and {number} say two things of one {key}; keep one.")
    if not row_of:
        raise TableError(
            f"{name} has no row of the {len(images)} images tested: its column {key} must hold "
            + (
                "their names as tested (paths in the dataset folder), or file names."
                if key == "image"
                else "their patients' ids."
            )
        )
    own = list(images) if key == "image" else [patient_key(patient) for patient in patients]
    nothing: list[Value] = [None] * len(wanted)
    cells_of = [row_of[image][1] if image in row_of else nothing for image in own]
    values = {column: [cells[place] for cells in cells_of] for place, column in enumerate(wanted.values())}
    return Columns(values, name, sum(image not in row_of for image in own), unused)


def _finder(images: Sequence[str]) -> Any:
    """From what a table calls an image to its id, by whole path, file name, or file name without suffix."""
    known = set(images)
    ways = []
    for shorten in (posixpath.basename, lambda path: posixpath.splitext(posixpath.basename(path))[0]):
        often = Counter(map(shorten, images))
        ways.append((shorten, {shorten(image): image for image in images if often[shorten(image)] == 1}))

    def find(word: str) -> str | None:
        word = word.replace("\\", "/")
        if word in known:
            return word
        # A path in other folders may be another image of the same name only where the file name alone leaves no doubt.
        (base, by_base), (stem, by_stem) = ways
        return by_base.get(base(word)) or by_stem.get(base(word)) or by_stem.get(stem(word))

    return find


def _patient_finder(patients: Sequence[str]) -> Any:
    known = set(map(patient_key, patients))
    return lambda word: patient_key(word) if patient_key(word) in known else None


def as_numbers(name: str, values: Sequence[Value]) -> NDArray[np.float64] | None:
    """The values of a column as numbers, NaN where they are not known; None: they are no numbers.

    Args:
        name: of the column. Where it says age, DICOM's form ("045Y", "011M", "003W", "020D") is a number of years too,
            and years below 0 or beyond ``OLDEST`` are not known.
        values: of the column.
    """
    age = is_age(name)
    numbers = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        if value is None:
            continue
        told = _DICOM_AGE.fullmatch(value.upper()) if age and isinstance(value, str) else None
        try:
            number = float(value) if told is None else int(told[1]) / _IN_A_YEAR[told[2]]
        except ValueError:
            return None
        if math.isfinite(number) and (not age or 0 <= number <= OLDEST):
            numbers[place] = number
    return numbers


def is_age(name: str) -> bool:
    """Whether the name of a column says that it holds ages in years: age, Patient Age, AgeAtScan, Alter, edad, âge.

    Not where it names another unit: see :func:`age_unit`.
    """
    return age_unit(name) is None and any(map(_AGE_WORD.fullmatch, words_of_name(name)))


def age_unit(name: str) -> str | None:
    """The unit of a column of ages that are not in years, by its name: "months", "weeks" or "days"; None: no such one.

    Args:
        name: age_months, Alter (Tage), gestational age.
    """
    words = words_of_name(name)
    if not any(map(_AGE_WORD.fullmatch, words)):
        return None
    return next((unit for unit, form in _UNIT_WORDS.items() if any(map(form.fullmatch, words))), None)


def words_of_name(name: str) -> set[str]:
    """The words of a column's name in small letters without accents: PatientAge has patient, age and patientage."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return {*re.findall(r"[a-z]+", plain.lower()), *map(str.lower, re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", plain))}
