"""Ages in columns: which names say so, in which unit, and values as numbers."""

import math
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

OLDEST = 120
"""Years; an age beyond is a slip of the pen (there are 16 in NIH ChestX-ray14, up to 414) and counts as not known."""

Value = str | float | None
"""Of a column: a text, a number, or None where it is not known."""
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
# How exports write that somebody is in the oldest group of HIPAA's Safe Harbor rule, from 90 years.
_OLDEST_GROUP = re.compile(r"90\s*\+|>\s*89|(?:>=|\u2265)\s*90|90 (?:and|or) (?:more|over|older)", re.IGNORECASE)
_IN_A_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}


def as_numbers(name: str, values: Sequence[Value]) -> NDArray[np.float64] | None:
    """The values of a column as numbers, NaN where they are not known; None: they are no numbers.

    Of ages DICOM's form ("045Y", "011M") is a number of years too, and the oldest group ("90+", ">89") is 90; years
    below 0 or beyond ``OLDEST`` are not known.
    """
    age = is_age(name)
    numbers = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        if value is None:
            continue
        if age and isinstance(value, str) and _OLDEST_GROUP.fullmatch(value.strip()):
            numbers[place] = 90
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
    """Whether a column holds ages in years, by its name: age, Patient Age, AgeAtScan, Alter, edad, âge."""
    return age_unit(name) is None and any(map(_AGE_WORD.fullmatch, words_of_name(name)))


def age_unit(name: str) -> str | None:
    """Unit of a column of ages that are not in years: "months", "weeks" or "days" (age_months), or None."""
    words = words_of_name(name)
    if not any(map(_AGE_WORD.fullmatch, words)):
        return None
    return next((unit for unit, form in _UNIT_WORDS.items() if any(map(form.fullmatch, words))), None)


def words_of_name(name: str) -> set[str]:
    """The words of a column's name in small letters without accents: PatientAge has patient, age and patientage."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return {*re.findall(r"[a-z]+", plain.lower()), *map(str.lower, re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", plain))}
