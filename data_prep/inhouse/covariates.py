"""Columns of the table besides labels: covariates that are handed on, and a column of dates."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from data_prep.inhouse.bands import age_in_years
from data_prep.inhouse.cells import free_text, one_spelling
from monai_mocoi.data.ages import Value, age_unit, as_numbers, is_age, words_of_name
from monai_mocoi.data.columns import as_value
from monai_mocoi.errors import DatasetError

_FORMS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y")
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}.*$")
DIGITS = 3  # significant, of a number that is handed on: a coordinate or laboratory value with more identifies people
FEW_VALUES = 4  # up to so many different numbers distinguish nobody
NEARLY_ALL = 0.8  # from so many different whole numbers a patient on, they are ids

_NAMES_THAT_TELL = frozenset(
    "zip zipcode plz postleitzahl postcode postal latitude longitude mrn pid dob yob birthyear birthdate birthday "  # noqa: SIM905
    "geburtsjahr geburtsdatum geburtstag".split()
)
_YEARS = (1880, 2100)
_MONTH_AND_YEAR = re.compile(r"(?:0?[1-9]|1[0-2])[.,](?:18[89]|19[0-9]|20[0-9])[0-9]")
_LEADING_ZERO = re.compile(r"0[0-9]+")


def read_covariate(name: str, cells: Sequence[str]) -> list[Value]:
    """Read a column that is handed on, one value a cell; what identifies people, or ages not in years, is refused.

    They are whole years, 90 for 90 and more, where the name says age; or numbers, rounded to :data:`DIGITS` significant
    digits; or words (also for numbers with leading zeros), in one spelling of capitals; None where nothing is known.
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
        if fault := free_text(Counter(known)):
            raise _refused(name, fault)
        return list(one_spelling(words))
    if (abs(numbers) >= 10_000).any():
        raise _refused(name, "it holds numbers of more than 4 digits, such as dates or ids")
    given = [number for number in numbers.tolist() if number == number]
    years = sum(number.is_integer() and _YEARS[0] <= number <= _YEARS[1] for number in given)
    if given and years >= NEARLY_ALL * len(given):
        raise _refused(name, "it holds years")
    return [_rounded(number) for number in numbers.tolist()]


def check_told_apart(name: str, values: Sequence[Value], patients: Sequence[str]) -> None:
    """Refuse whole numbers (DatasetError) of which nearly every patient has a different one: they are ids."""
    known = [(value, patient) for value, patient in zip(values, patients, strict=True) if value is not None]
    if is_age(name) or not all(isinstance(value, int) for value, _ in known):
        return
    distinct, people = len({value for value, _ in known}), len({patient for _, patient in known})
    if distinct > FEW_VALUES and distinct >= NEARLY_ALL * people:
        fault = f"it has {distinct} different whole numbers for {people} patients, as ids have; group them"
        raise _refused(name, fault)


def _rounded(number: float) -> float | int | None:
    if number != number:
        return None
    short = float(f"{number:.{DIGITS}g}")
    return int(short) if short.is_integer() and number.is_integer() else short


def _refused(name: str, fault: str) -> DatasetError:
    return DatasetError(f"--covariates: {name!r} is not handed on: {fault}. Leave it out.")


def read_dates(name: str, cells: Sequence[str], numbers: Sequence[int]) -> list[date | None]:
    """Read a column of dates, one a cell, None where it is empty; times behind them are dropped.

    A cell that is no date, or day and month that cannot be distinguished, are a DatasetError.
    """
    values = [as_value(cell) for cell in cells]
    texts = [None if value is None else _TIME.sub("", str(value)).strip() for value in values]
    known = {text for text in texts if text is not None}
    if not known:
        raise DatasetError(f"--date-column: {name!r} has no date in any row.")
    read = {form: {text: _read(text, form) for text in known} for form in _FORMS}
    ways = [way for way in read.values() if None not in way.values()]
    if not ways:
        wrong = [
            n for n, text in zip(numbers, texts, strict=True) if text and not any(own[text] for own in read.values())
        ]
        some = ", ".join(map(str, (wrong or numbers)[:5]))
        raise DatasetError(
            f"--date-column: {name!r} has no one form that is known, such as 2019-03-04, 20190304 or 04.03.2019 (look "
            f"at rows {some})."
        )
    if any(way != ways[0] for way in ways[1:]):
        raise DatasetError(f"--date-column: {name!r} may mean day/month or month/day; write the dates as 2019-03-04.")
    return [None if text is None else ways[0][text] for text in texts]


def _read(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return None
