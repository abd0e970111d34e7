"""Columns that name people: their values against the names in the headers, and titles before names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]{3,}")
_FEW = 3
# "MS" and "DR" are diseases: short ones count with a dot, or written as titles are.
_TITLE = re.compile(
    r"(?<!\w)(?:"
    r"(?i:dr|dra|drs|prof|mme|mlle|mrs|mr|ms|hr|fr|sr|sra|srta|dott|pd)\.\s*"
    r"|(?:Dr|Dra|Drs|Prof|PROF|prof|Mme|Mlle|Mrs|Mr|Ms|Hr|Sra|Srta|Dott)\s+"
    r"|(?i:professor|professeur|profesora?|doctora?|doktor|docteur|dottore|dottoressa|herr|frau|monsieur|madame"
    r"|mademoiselle|se[nñ]ora?|signora?|oberarzt|ober[aä]rztin|chefarzt|chef[aä]rztin)\s+"
    r")[^\W\d_]{2,}"
)


def name_words(names: Iterable[str]) -> set[str]:
    """Return the words of three letters or more of people's names ("Qvistgaard^Thaddeus"), in small letters."""
    return {word for name in set(names) for word in _WORD.findall(name.casefold())}


def names_people(values: Iterable[str], names: set[str]) -> bool:
    """Tell whether most values of a column hold one of the :func:`name_words`.

    One or two among others are no sign: White and Black are surnames, and words for something else. All of them are.
    """
    distinct = set(values)
    named = sum(any(word in names for word in _WORD.findall(value.casefold())) for value in distinct)
    return named > 0 and (named == len(distinct) or (named >= _FEW and 2 * named > len(distinct)))


def has_title(text: str) -> bool:
    """Whether a text holds a title before a name, in English, German, French, Spanish or Italian: "Dr. Meier"."""
    return _TITLE.search(text) is not None
