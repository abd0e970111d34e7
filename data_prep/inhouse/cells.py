"""Cells of a labels table: yes and no in many spellings, classes, empty cells, and free text that may name somebody."""

import re
from collections import Counter
from collections.abc import Sequence

from data_prep.inhouse.identifying_text import has_title, is_dated
from monai_mocoi.data.columns import as_value
from monai_mocoi.files.csv_table import is_number

YES = frozenset("1 yes y true t positive pos present ja j wahr positiv vorhanden".split())  # noqa: SIM905
NO = frozenset("0 no n false f negative neg absent nein falsch negativ".split())  # noqa: SIM905
NOT_KNOWN = frozenset(  # besides what any table means by an empty cell; -1 is CheXpert's "uncertain"
    "-1 -9 99 999 ? uncertain equivocal indeterminate unklar unbekannt unsicher missing fehlt .".split()  # noqa: SIM905
) | {"not known", "not assessed", "k.a.", "k. a.", "keine angabe"}
MOST_CLASSES = 20
LONGEST_CLASS = 40  # characters; a longer text is a sentence, not a class
_TRUE_FALSE = {"t", "f"}  # mean yes and no only in a column that has both: F is female too, and a foot, and a class
_NUMBER = re.compile(r"([+-]?)0*([0-9]+)(?:[.,]([0-9]*?)0*)?")


def yes_or_no(cell: str) -> int | str | None:
    """Read a cell: 1, 0, None where it is empty or not known, or the cell itself where it is neither."""
    word = _plain(cell)
    if word is None or word in NOT_KNOWN:
        return None
    return 1 if word in YES else 0 if word in NO else cell


def answers(cells: Sequence[str]) -> list[int | str | None]:
    """Read the cells of a column with :func:`yes_or_no`; t and f count only where the column has both."""
    plain = [_plain(cell) for cell in cells]
    both = {*plain} >= _TRUE_FALSE
    return [
        cell if word in _TRUE_FALSE and not both else yes_or_no(cell) for cell, word in zip(cells, plain, strict=True)
    ]


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether all known cells of a column are numbers."""
    known = [word for word in map(_plain, cells) if word is not None and word not in NOT_KNOWN]
    return all(_NUMBER.fullmatch(word) for word in known)


def class_words(cells: Sequence[str]) -> list[str | None]:
    """Return the class of each cell: a number in its shortest form, or the words; None where nothing is known.

    Words that differ in capitals alone are one class, in the spelling of most of its cells.
    """
    return one_spelling([None if cell is None or cell.lower() in NOT_KNOWN else cell for cell in map(_class, cells)])


def one_spelling(words: Sequence[str | None]) -> list[str | None]:
    """Return the words, those that differ in capitals alone in the spelling that most of them have."""
    often = Counter(word for word in words if word is not None)
    chosen: dict[str, str] = {}
    for word in sorted(often, key=lambda word: (-often[word], word)):
        chosen.setdefault(word.casefold(), word)
    return [None if word is None else chosen[word.casefold()] for word in words]


def in_order(words: Counter[str]) -> list[str]:
    """Return classes in order, numbers first."""
    return sorted(words, key=lambda word: (not is_number(word), float(word) if is_number(word) else 0, word))


def free_text(counts: Counter[str]) -> str | None:
    """Return why the values of a column, with their counts, may name somebody (free text, dates or ids), or None."""
    if len(counts) > MOST_CLASSES:
        return f"it has {len(counts)} different values, more than {MOST_CLASSES}: free text, dates or ids"
    if len(counts) > 4 and 2 * len(counts) > sum(counts.values()):
        return f"it has {len(counts)} different values in {sum(counts.values())} rows: free text, dates or ids"
    if any(len(value) > LONGEST_CLASS for value in counts):
        return f"it holds texts of more than {LONGEST_CLASS} characters: free text"
    if any(sum(sign.isdigit() for sign in value) > 4 for value in counts):
        return "it holds numbers of more than 4 digits: dates or ids"
    if any(map(is_dated, counts)):
        return "it holds months, years or dates"
    if any(map(has_title, counts)):
        return "it holds names of people with their titles (Dr., Mrs, Herr ...)"
    return None


def _plain(cell: str) -> str | None:
    """A cell in small letters; a number in its shortest form (1 for "1,00", "01"); None where it is empty."""
    value = as_value(cell.replace("\0", ""))
    if value is None:
        return None
    word = str(value).lower()
    number = _NUMBER.fullmatch(word)
    if number is None:
        return word
    sign, whole, part = number[1].lstrip("+"), number[2], number[3]
    return f"{sign}{whole}" + (f".{part}" if part else "")


def _class(cell: str) -> str | None:
    cell = cell.replace("\0", "")
    if cell.strip().lower() == "none":  # beside mild and severe, a class
        return " ".join(cell.split())
    value = as_value(cell)
    if value is None:
        return None
    plain = _plain(cell)
    return plain if plain is not None and is_number(plain) else " ".join(str(value).split())
