"""What people write in the cells of a labels table: yes and no in their ways, classes, and cells that say nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from data_prep.inhouse.dates import is_dated
from data_prep.inhouse.people import has_title
from monai_mocoi.data.columns import as_value
from monai_mocoi.errors import DatasetError

YES = frozenset("1 yes y true t positive pos present ja j wahr positiv vorhanden".split())  # noqa: SIM905
NO = frozenset("0 no n false f negative neg absent nein falsch negativ".split())  # noqa: SIM905
NOT_KNOWN = frozenset(
    "-1 -9 99 999 ? uncertain equivocal indeterminate unklar unbekannt unsicher missing fehlt .".split()  # noqa: SIM905
) | {"not known", "not assessed", "k.a.", "k. a.", "keine angabe"}
"""Beside what any table means by an empty cell; -1 is CheXpert's "uncertain"."""
MOST_CLASSES = 20
LONGEST_CLASS = 40
"""Characters; a longer text is a sentence, not a class."""
_SLIPS = 0.05
"""Share of other words among yes and no that are slips of the pen; where there are more, all are classes."""
_TRUE_FALSE = {"t", "f"}
"""Mean yes and no only in a column that has both: F is female too, and a foot, and a class."""
_NUMBER = re.compile(r"([+-]?)0*([0-9]+)(?:[.,]([0-9]*?)0*)?")


@dataclass(frozen=True)
class Labels:
    """The labels of the rows of a table.

    Attributes:
        names: of the findings, or of the classes.
        kind: "multi" (0, 1 or None for each finding) or "single" (a class number or None).
        values: one a row: a list for "multi", a number or None for "single".
        words: the values of each column that holds classes, as they are handed on in the names.
        lines: for the console: what was taken for classes though it begins as yes and no.
    """

    names: tuple[str, ...]
    kind: str
    values: list[list[int | None]] | list[int | None]
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


def yes_or_no(cell: str) -> int | str | None:
    """Read a cell: 1, 0, None where it says nothing, or the cell itself where it is neither."""
    word = _plain(cell)
    if word is None or word in NOT_KNOWN:
        return None
    return 1 if word in YES else 0 if word in NO else cell


def read_labels(columns: Sequence[tuple[str, Sequence[str]]], numbers: Sequence[int]) -> Labels:
    """Read the columns of labels: any number of findings (yes or no) and of columns of classes.

    One column of classes alone makes the classes the labels ("single"). Beside other columns each of its classes
    becomes a finding, ``column: class``; an empty cell leaves all of them open. A column holds classes where more than
    one in 20 of its known cells is neither yes nor no, or where all are numbers and some are others than 0 and 1.

    Args:
        columns: name and cells of each, one cell a row.
        numbers: of the rows in the table, for errors. Cells are never repeated: they may hold a text about somebody.

    Raises:
        DatasetError: a column holds free text, one value only, or words beside yes and no; names the rows.
    """
    findings: list[tuple[str, list[int | None]]] = []
    words: dict[str, tuple[str, ...]] = {}
    lines: list[str] = []
    constant = []
    for name, cells in columns:
        own = _answers(cells)
        strays = [value for value in own if isinstance(value, str)]
        known = sum(value is not None for value in own)
        are_grades = _are_numbers(cells)
        if strays and (are_grades or len(strays) > _SLIPS * known):
            names, values = _classes(name, cells)
            words[name] = names
            if are_grades and len(strays) <= _SLIPS * known:
                lines.append(
                    f"{name!r} holds numbers beside 0 and 1 in {len(strays)} of {known} rows, so its {len(names)} "
                    "values are classes; leave these cells empty if they are slips of the pen"
                )
            if len(columns) == 1:
                return Labels(names, "single", values, words, tuple(lines))
            findings += [
                (f"{name}: {word}", [None if value is None else int(value == number) for value in values])
                for number, word in enumerate(names)
            ]
            continue
        if strays:
            wrong = [number for number, value in zip(numbers, own, strict=True) if isinstance(value, str)]
            some = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
            raise DatasetError(
                f"--label-columns: {len(wrong)} of {len(cells)} cells of {name!r} are neither yes nor no (rows {some}"
                "). Written may be 1/0, yes/no, true/false, positive/negative, ja/nein, or nothing where it is not "
                "known."
            )
        if known == 0:
            raise DatasetError(f"--label-columns: {name!r} says neither yes nor no in any row; leave it out.")
        answers = [value if isinstance(value, int) else None for value in own]
        if len({*answers} - {None}) < 2:
            constant.append(f"{name!r} ({'yes' if 1 in answers else 'no'})")
        findings.append((name, answers))
    if constant:
        raise DatasetError(
            f"--label-columns: {', '.join(constant)} has one answer in all rows that have any: nothing can be learnt "
            "from it. Leave it out, or look whether another word was meant."
        )
    names = tuple(name for name, _ in findings)
    if len(set(names)) < len(names):
        raise DatasetError("--label-columns: a column has the name that a class of another one gets; rename it.")
    rows = [list(row) for row in zip(*(values for _, values in findings), strict=True)]
    return Labels(names, "multi", rows, words, tuple(lines))


def _answers(cells: Sequence[str]) -> list[int | str | None]:
    """The cells of a column as yes and no, see :func:`yes_or_no`."""
    plain = [_plain(cell) for cell in cells]
    told = {*plain} >= _TRUE_FALSE
    return [
        cell if word in _TRUE_FALSE and not told else yes_or_no(cell) for cell, word in zip(cells, plain, strict=True)
    ]


def _are_numbers(cells: Sequence[str]) -> bool:
    known = [word for word in map(_plain, cells) if word is not None and word not in NOT_KNOWN]
    return all(_NUMBER.fullmatch(word) for word in known)


def _classes(name: str, cells: Sequence[str]) -> tuple[tuple[str, ...], list[int | None]]:
    """The classes of a column in order, numbers first, and the number of each row's class."""
    words = [None if cell is None or cell.lower() in NOT_KNOWN else cell for cell in map(_class, cells)]
    counts = Counter(word for word in words if word is not None)
    if fault := free_text(counts, len(words)):
        raise DatasetError(f"--label-columns: {name!r} cannot be a label: {fault}.")
    if len(counts) < 2:
        raise DatasetError(f"--label-columns: {name!r} has {len(counts)} class(es); at least two are needed.")
    order = sorted(counts, key=lambda word: (not _is_number(word), float(word) if _is_number(word) else 0, word))
    place = {word: number for number, word in enumerate(order)}
    return tuple(order), [None if word is None else place[word] for word in words]


def free_text(counts: Counter[str], rows: int) -> str | None:
    """Tell why the values of a column are free text, dates or ids, which may name somebody; None: they are groups.

    Args:
        counts: how many rows have each value.
        rows: in the table.
    """
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
    """A cell in small letters; a number in its shortest form (1 for "1,00", "01"); None where it says nothing."""
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
    value = as_value(cell.replace("\0", ""))
    if value is None:
        return None
    plain = _plain(cell)
    return plain if plain is not None and _is_number(plain) else " ".join(str(value).split())


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
