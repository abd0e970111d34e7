"""Labels from the columns of a table: findings (yes or no), and columns of classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from data_prep.inhouse.cells import answers, are_numbers, class_words, free_text, in_order
from monai_mocoi.errors import DatasetError

_SLIPS = 0.05  # share of other words among yes and no that are typing errors; where there are more, all are classes


@dataclass(frozen=True)
class Labels:
    """The labels of the rows of a table."""

    names: tuple[str, ...]  # of the findings, or of the classes
    kind: str  # "multi" or "single"
    values: list[list[int | None]] | list[int | None]  # a row: 0, 1 or None for each finding; or a class number or None
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the classes of each column that holds classes
    lines: tuple[str, ...] = ()  # for the console: what was taken for classes though it begins as yes and no


def read_labels(columns: Sequence[tuple[str, Sequence[str]]], numbers: Sequence[int]) -> Labels:
    """Read the columns of labels: any number of findings (yes or no) and of columns of classes.

    One column of classes alone makes the classes the labels ("single"). Beside other columns each of its classes
    becomes a finding, ``column: class``; an empty cell leaves all of them open. A column holds classes where more than
    one in 20 of its known cells is neither yes nor no, or where all are numbers and some are others than 0 and 1. A
    DatasetError has the numbers of the rows; it repeats no cell, because that may hold a text about somebody.
    """
    findings: list[tuple[str, list[int | None]]] = []
    words: dict[str, tuple[str, ...]] = {}
    lines: list[str] = []
    constant = []
    for name, cells in columns:
        own = answers(cells)
        strays = [number for number, value in zip(numbers, own, strict=True) if isinstance(value, str)]
        known = sum(value is not None for value in own)
        are_grades = are_numbers(cells)
        are_slips = len(strays) <= _SLIPS * known
        if strays and (are_grades or not are_slips):
            names, values = _classes(name, cells)
            words[name] = names
            if are_slips:
                lines.append(
                    f"{name!r} holds numbers beside 0 and 1 in {len(strays)} of {known} rows, so its {len(names)} "
                    "values are classes; leave these cells empty if they are typing errors"
                )
            if len(columns) == 1:
                return Labels(names, "single", values, words, tuple(lines))
            findings += [
                (f"{name}: {word}", [None if value is None else int(value == number) for value in values])
                for number, word in enumerate(names)
            ]
            continue
        if strays:
            some = ", ".join(map(str, strays[:5])) + (", ..." if len(strays) > 5 else "")
            raise DatasetError(
                f"--label-columns: {len(strays)} of {len(cells)} cells of {name!r} are neither yes nor no (rows {some})"
                ". Write 1/0, yes/no, true/false, positive/negative, ja/nein, or nothing where it is not known."
            )
        if known == 0:
            raise DatasetError(f"--label-columns: {name!r} has neither yes nor no in any row; leave it out.")
        findings.append((name, [value if isinstance(value, int) else None for value in own]))
        if len({*own} - {None}) < 2:
            constant.append(f"{name!r} ({'yes' if 1 in own else 'no'})")
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


def _classes(name: str, cells: Sequence[str]) -> tuple[tuple[str, ...], list[int | None]]:
    """The classes of a column in order, numbers first, and the number of each row's class."""
    words = class_words(cells)
    counts = Counter(word for word in words if word is not None)
    if fault := free_text(counts):
        raise DatasetError(f"--label-columns: {name!r} cannot be a label: {fault}.")
    if len(counts) < 2:
        raise DatasetError(f"--label-columns: {name!r} has {len(counts)} class(es); at least two are needed.")
    order = in_order(counts)
    place = {word: number for number, word in enumerate(order)}
    return tuple(order), [None if word is None else place[word] for word in words]
