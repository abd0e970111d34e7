"""Blocks of a report: sections of texts, tables and pictures, which the page and the files are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from monai_mocoi.study_report.interval_levels import level_in_words
from monai_mocoi.study_report.verdict import points


@dataclass(frozen=True)
class Link:
    """A text that leads to a place of the page (``#run-3``) or to a file beside it."""

    text: str
    to: str


Shown = str | Link | tuple[Link, ...]
"""A cell of a table."""


@dataclass(frozen=True)
class Text:
    """A paragraph; ``kind`` is "", "note", "lead", "alarm" or "head" (a small heading); ``links``: of its numbers."""

    text: str
    kind: str = ""
    links: Sequence[Link] = ()


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    sentences: Sequence[Text]


@dataclass
class Table:
    """A table of the page, and of a CSV file of its ``name``.

    ``header``: of the page; ``rows``: the first cell of each is a heading. ``columns``, ``values``: of the CSV file,
    with all digits; empty: what the page shows.
    """

    name: str
    caption: str
    header: Sequence[str]
    rows: list[Sequence[Shown]] = field(default_factory=list)
    columns: Sequence[str] = ()
    values: list[Sequence[Any]] = field(default_factory=list)
    note: str = ""

    def csv_rows(self) -> list[Sequence[Any]]:
        """The rows of the file, the header first; a value that is not known is an empty cell."""
        if self.columns:
            return [self.columns, *([_plain(value) for value in row] for row in self.values)]
        return [self.header, *([_text(own) for own in row] for row in self.rows)]


def _text(cell: Shown) -> str:
    if isinstance(cell, tuple):
        return ", ".join(link.text for link in cell)
    return cell.text if isinstance(cell, Link) else cell


def _plain(value: Any) -> Any:
    return "" if value is None else repr(value) if isinstance(value, float) else value


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure; ``alt`` says in words what it shows. ``half``: two of them stand side by side where there is room."""

    name: str
    figure: Figure
    alt: str
    caption: str
    half: bool = False


Block = Text | Bullets | Table | Picture


@dataclass
class Section:
    """A part of the page with a heading; ``name`` is its anchor."""

    name: str
    title: str
    blocks: list[Block] = field(default_factory=list)

    def or_say(self, sentence: str) -> "Section":
        """Itself, with this sentence where there is nothing else."""
        if not self.blocks:
            self.blocks.append(Text(sentence))
        return self


def number_in_hundredths(number: Any, level: float | None = None) -> str:
    """``81.2 (77.4 to 84.6)`` of a NUMBER of ``metrics.json``; a dash where there is no value.

    ``level``: to be named with the interval, ``(90 % CI 78.0 to 84.1)``.
    """
    if not number or number.get("value") is None:
        return "–"
    interval = number.get("interval")
    if not interval:
        return points(number["value"])
    return f"{points(number['value'])} ({_named(level)}{points(interval[0])} to {points(interval[1])})"


def number_of(number: Any, digits: int = 2, level: float | None = None) -> str:
    """The same in the number's own units."""
    if not number or number.get("value") is None:
        return "–"
    low, high = number.get("interval") or (None, None)
    value = f"{number['value']:.{digits}f}"
    return value if low is None else f"{value} ({_named(level)}{low:.{digits}f} to {high:.{digits}f})"


def _named(level: float | None) -> str:
    return "" if level is None else f"{level_in_words(level)} CI "
