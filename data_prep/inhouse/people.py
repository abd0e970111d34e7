"""Whether a column of the table names people: its values against the names that stand in the headers."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]{3,}")
_FEW = 3


def name_words(names: Iterable[str]) -> set[str]:
    """Return the words of people's names, in small letters; of three letters or more.

    Args:
        names: as headers have them: "Qvistgaard^Thaddeus".
    """
    return {word for name in set(names) for word in _WORD.findall(name.casefold())}


def names_people(values: Iterable[str], names: set[str]) -> bool:
    """Tell whether most values of a column hold somebody's name.

    One or two are no sign: White and Black are surnames, and words for something else.

    Args:
        values: of the column.
        names: from :func:`name_words`.
    """
    distinct = set(values)
    named = sum(any(word in names for word in _WORD.findall(value.casefold())) for value in distinct)
    return named >= _FEW and 2 * named > len(distinct)
