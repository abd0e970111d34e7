"""What people write in the cells of a labels table: yes and no in their ways, classes, and cells that say nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from monai_mocoi.data.columns import as_value
from monai_mocoi.data.errors import DatasetError

YES = frozenset("1 yes y true t positive pos present ja j wahr positiv vorhanden".split())  # noqa: SIM905
NO = frozenset("0 no n false f negative neg absent nein falsch negativ".split())  # noqa: SIM905
NOT_KNOWN = frozenset(
    "-1 -9 99 999 ? uncertain equivocal indeterminate unklar unbekannt unsicher missing fehlt .".split()  # noqa: SIM905
) | {"not known", "not assessed", "k.a.", "k. a.", "keine angabe"}
"""Beside what any table means by an empty cell; -1 is CheXpert's "uncertain"."""
MOST_CLASSES = 20
LONGEST_CLASS = 40
"""Characters; a longer text is a sentence, not a class."""


@dataclass(frozen=True)
class Labels:
    """The labels of the rows of a table.

    Attributes:
        names: of the findings, or of the classes.
        kind: "multi" (0, 1 or None for each finding) or "single" (a class number or None).
        values: one a row: a list for "multi", a number or None for "single".
    """

    names: tuple[str, ...]
    kind: str
    values: list[list[int | None]] | list[int | None]


def yes_or_no(cell: str) -> int | str | None:
    """Read a cell: 1, 0, None where it says nothing, or the cell itself where it is neither."""
    word = _plain(cell)
    if word is None or word in NOT_KNOWN:
        return None
    return 1 if word in YES else 0 if word in NO else cell


def read_labels(columns: Sequence[tuple[str, Sequence[str]]], numbers: Sequence[int]) -> Labels:
    """Read the columns of labels: any number of findings (yes or no), or one column of classes.

    Args:
        columns: name and cells of each, one cell a row.
        numbers: of the rows in the table, for errors. Cells are never repeated: they may hold a text about somebody.

    Raises:
        DatasetError: a column holds free text, one value only, or words beside yes and no; names the rows.
    """
    if len(columns) == 1:
        name, cells = columns[0]
        strays = [own for own in map(yes_or_no, cells) if isinstance(own, str)]
        known = sum(own is not None for own in map(yes_or_no, cells))
        # A few other words among yes and no are slips of the pen; half of them are classes, such as grades 0 to 4.
        if len(strays) > 0.05 * known:
            return _classes(name, cells)
    values: list[list[int | None]] = [[] for _ in numbers]
    for name, cells in columns:
        wrong = []
        for row, number, cell in zip(values, numbers, cells, strict=True):
            own = yes_or_no(cell)
            if isinstance(own, str):
                wrong.append(number)
            else:
                row.append(own)
        if wrong:
            some = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
            raise DatasetError(
                f"--label-columns: {len(wrong)} of {len(cells)} cells of {name!r} are neither yes nor no (rows {some}"
                "). Written may be 1/0, yes/no, true/false, positive/negative, ja/nein, or nothing where it is not "
                "known. A column of classes is taken alone, without others."
            )
        if all(row[-1] is None for row in values):
            raise DatasetError(f"--label-columns: {name!r} says neither yes nor no in any row; leave it out.")
    return Labels(tuple(name for name, _ in columns), "multi", values)


def _classes(name: str, cells: Sequence[str]) -> Labels:
    words = [None if cell is None or cell.lower() in NOT_KNOWN else cell for cell in map(_class, cells)]
    counts = Counter(word for word in words if word is not None)
    if fault := free_text(counts, len(words)):
        raise DatasetError(f"--label-columns: {name!r} cannot be a label: {fault}.")
    if len(counts) < 2:
        raise DatasetError(f"--label-columns: {name!r} has {len(counts)} class(es); at least two are needed.")
    order = sorted(counts, key=lambda word: (not _is_number(word), float(word) if _is_number(word) else 0, word))
    place = {word: number for number, word in enumerate(order)}
    return Labels(tuple(order), "single", [None if word is None else place[word] for word in words])


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
    return None


def _plain(cell: str) -> str | None:
    """A cell in small letters, a whole number without decimals ("1.0", "1,00"); None where it says nothing."""
    value = as_value(cell.replace("\0", ""))
    if value is None:
        return None
    word = str(value).lower()
    head, sign, tail = word.replace(",", ".").partition(".")
    return head if sign and head.lstrip("-").isdigit() and set(tail) <= {"0"} else word


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
