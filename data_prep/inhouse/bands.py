"""Covariates coarse enough to hand on: ages to 90, no rare categories, few names of vendors.

A patient of 97, or the only one from a small device maker, is found again by whoever knows the hospital. Ages above 89
are put together as the Safe Harbor rule of HIPAA asks (45 CFR 164.514(b)(2)(i)(C)); hiding categories of few patients
is k-anonymity (Sweeney, Int. J. Uncertainty Fuzziness Knowledge-Based Systems 2002), here for each column alone.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

from monai_mocoi.data.ages import as_numbers
from monai_mocoi.data.columns import as_value

OLDEST = 90  # an age in the dataset folder: 90 means "90 or more"
RARE = 5  # a category of fewer patients becomes :data:`OTHER`, unless another number is given
OTHER = "other"

# The vendor's name by a piece of Manufacturer (0008,0070) in lower case.
_VENDORS = {
    "agfa": "Agfa",
    "canon": "Canon",
    "carestream": "Carestream",
    "kodak": "Carestream",
    "fuji": "Fujifilm",
    "ge ": "GE",
    "general electric": "GE",
    "gehealthcare": "GE",
    "hitachi": "Fujifilm",
    "hologic": "Hologic",
    "konica": "Konica Minolta",
    "philips": "Philips",
    "samsung": "Samsung",
    "shimadzu": "Shimadzu",
    "siemens": "Siemens",
    "toshiba": "Canon",
    "topcon": "Topcon",
    "zeiss": "Zeiss",
    "heidelberg": "Heidelberg",
    "nidek": "Nidek",
    "optos": "Optos",
    "leica": "Leica",
    "hamamatsu": "Hamamatsu",
}
VENDORS = tuple(sorted({*_VENDORS.values()}))


def age_in_years(text: str | float | None) -> int | None:
    """Return an age (DICOM's age string, or years) in whole years, 90 for 90 or more; None for what is no age."""
    numbers = as_numbers("age", [as_value(text.strip("\0 ") if isinstance(text, str) else text)])
    if numbers is None or math.isnan(numbers[0]):
        return None
    return int(min(math.floor(numbers[0]), OLDEST))


def age_of(written: str, born: date | None, studied: date | None) -> float | None:
    """An age in years: as it is written, else from the dates of birth and study; None where neither is known."""
    years = as_numbers("age", [written]) if written else None
    if years is not None and years[0] == years[0]:
        return float(years[0])
    if born is None or studied is None or studied < born:
        return None
    years_lived = studied.year - born.year - ((studied.month, studied.day) < (born.month, born.day))
    return float(years_lived) if years_lived <= 120 else None


def vendor(text: str | None) -> str | None:
    """Return a device maker's short name, "other", or None; other words go no further: some write their site's name."""
    plain = " ".join((text or "").replace("\0", " ").replace("_", " ").split()).casefold() + " "
    if plain == " ":
        return None
    return next((name for piece, name in _VENDORS.items() if re.search(rf"\b{re.escape(piece)}", plain)), OTHER)


def band_rare(
    values: Mapping[str, str | None], patient_of: Mapping[str, str], least: int = RARE
) -> tuple[dict[str, str | None], list[str]]:
    """Put the categories of fewer than ``least`` patients together as "other"; return all, and the names of these.

    If "other" itself would then have fewer patients, these categories become None, not known. 0 or 1 keeps all.
    """
    patients: dict[str, set[str]] = defaultdict(set)
    for name, value in values.items():
        if value is not None:
            patients[value].add(patient_of[name])
    rare = {value for value, own in patients.items() if len(own) < least}
    together = set().union(*(patients[value] for value in rare | ({OTHER} & patients.keys())))
    name_of_rare = OTHER if len(together) >= least else None
    return {name: name_of_rare if value in rare else value for name, value in values.items()}, sorted(rare)


def banded(
    columns: Mapping[str, Mapping[str, Any]], patient_of: Mapping[str, str], least: int = RARE
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Band every column of text, see :func:`band_rare`; numbers stay (ages are banded where they are read).

    Returned are the columns, and by column how many categories were put together or became None (0s left out).
    """
    kept: dict[str, dict[str, Any]] = {}
    counts = {}
    for column, values in columns.items():
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        others, rare = band_rare(texts, patient_of, least)
        kept[column] = {**values, **others}
        if rare:
            counts[column] = len(rare)
    return kept, counts
