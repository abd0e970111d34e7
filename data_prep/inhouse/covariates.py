"""Columns of the table that are handed on: ages, numbers that tell little, or few different words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from data_prep.inhouse.bands import age_in_years
from data_prep.inhouse.label_words import free_text
from monai_mocoi.data.ages import Value, age_unit, as_numbers, is_age, words_of_name
from monai_mocoi.data.columns import as_value
from monai_mocoi.errors import DatasetError

DIGITS = 3
"""Significant digits of a number that is handed on: a coordinate or a laboratory value with more is somebody's own."""
FEW_VALUES = 4
"""Up to so many different numbers tell nobody apart."""
NEARLY_ALL = 0.8
"""From so many different whole numbers a patient on, they are ids."""

_NAMES_THAT_TELL = frozenset(
    "zip zipcode plz postleitzahl postcode postal latitude longitude mrn pid dob yob birthyear birthdate birthday "  # noqa: SIM905
    "geburtsjahr geburtsdatum geburtstag".split()
)
_YEARS = (1880, 2100)
_MONTH_AND_YEAR = re.compile(r"(?:0?[1-9]|1[0-2])[.,](?:18[89]|19[0-9]|20[0-9])[0-9]")
_LEADING_ZERO = re.compile(r"0[0-9]+")


def read_covariate(name: str, cells: Sequence[str]) -> list[Value]:
    """Read a column that is handed on.

    Args:
        name: of the column. Where it says age, values become whole years, 90 for 90 and more.
        cells: one a row.

    Returns:
        ages; or numbers, rounded to :data:`DIGITS` significant digits; or words (also for numbers with leading zeros);
        None where nothing is told.

    Raises:
        DatasetError: the column tells who it is: free text, dates, years, ids, postcodes; or ages not in years.
    """
    if (unit := age_unit(name)) is not None:
        raise _refused(name, f"it holds ages in {unit}; give a column of whole years, named age")
    if _NAMES_THAT_TELL & {*words_of_name(name), re.sub(r"[\W\d_]", "", name.lower())}:
        raise _refused(name, "its name says that it tells who, when or where somebody is")
    values = [as_value(cell) for cell in cells]
    if is_age(name):
        ages = [age_in_years(value.replace(",", ".") if isinstance(value, str) else value) for value in values]
        if any(value is not None for value in values) and all(age is None for age in ages):
            raise DatasetError(f"--covariates: {name!r} holds no ages in years.")
        return list(ages)
    words = [None if value is None else " ".join(str(value).split()) for value in values]
    known = [word for word in words if word is not None]
    if 2 * sum(_MONTH_AND_YEAR.fullmatch(word) is not None for word in known) > len(known):
        raise _refused(name, "it holds months and years")
    numbers = None
    if not any(map(_LEADING_ZERO.fullmatch, known)):  # else an id, or a code: 0012 is not 12
        numbers = as_numbers("number", [None if word is None else word.replace(",", ".") for word in words])
    if numbers is None:
        if fault := free_text(Counter(known), len(words)):
            raise _refused(name, fault)
        return list(words)
    if (abs(numbers) >= 10_000).any():
        raise _refused(name, "it holds numbers of more than 4 digits, such as dates or ids")
    told = [number for number in numbers.tolist() if number == number]
    years = sum(number.is_integer() and _YEARS[0] <= number <= _YEARS[1] for number in told)
    if told and years >= NEARLY_ALL * len(told):
        raise _refused(name, "it holds years")
    return [_rounded(number) for number in numbers.tolist()]


def check_told_apart(name: str, values: Sequence[Value], patients: Sequence[str]) -> None:
    """Refuse whole numbers of which nearly every patient has one of their own: ids.

    Args:
        name: of the column.
        values: of images.
        patients: of the same images.

    Raises:
        DatasetError: the column holds ids, or what serves as such.
    """
    told = [(value, patient) for value, patient in zip(values, patients, strict=True) if value is not None]
    if is_age(name) or not all(isinstance(value, int) for value, _ in told):
        return
    distinct, people = len({value for value, _ in told}), len({patient for _, patient in told})
    if distinct > FEW_VALUES and distinct >= NEARLY_ALL * people:
        raise _refused(
            name, f"it has {distinct} different whole numbers for {people} patients, as ids have; group them"
        )


def _rounded(number: float) -> float | int | None:
    if number != number:
        return None
    short = float(f"{number:.{DIGITS}g}")
    return int(short) if short.is_integer() and number.is_integer() else short


def _refused(name: str, fault: str) -> DatasetError:
    return DatasetError(f"--covariates: {name!r} is not handed on: {fault}. Leave it out.")
