"""A table as hospitals save it: any usual encoding and separator, with or without mark, quoted or not."""

from __future__ import annotations

import codecs
import difflib
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from monai_mocoi.errors import RefusedError, TableError
from monai_mocoi.files.csv_table import Table, parse_table
from monai_mocoi.files.home_folder import expand_home

NAME = "the labels table"
"""What errors call it: its file's name could be that of a hospital or a person."""
_SEPARATORS = ",;\t|"
_PLURALS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class LabelFile:
    """The cells of a table, column by column. Nothing of them is told in errors but the numbers of rows.

    Args:
        path: a CSV file, plain or gzip: UTF-8, UTF-16 or Latin-1 (Windows-1252), with commas, semicolons, tabs or bars.

    Attributes:
        header: names of the columns.
        numbers: of the rows in the file, as spreadsheets count.
        torn: numbers of rows that have more cells than the header, and are left out: which cell is which is not known.

    Raises:
        TableError: there is no table in it.
    """

    def __init__(self, path: str) -> None:
        text = decode_table(_content(path))
        table = _parsed(text)
        if not table.rows:
            raise TableError(f"{NAME} has no rows below its header.")
        self.header = table.header
        # Else the first row would be told as names of columns.
        if any(sum(sign.isdigit() for sign in column) > 4 for column in self.header):
            raise TableError(f"the first row of {NAME} seems to hold data; add a row with the names of the columns.")
        wide = len(self.header)
        self.torn = [number for number, cells in table.rows if any(cell.strip() for cell in cells[wide:])]
        kept = [(number, cells) for number, cells in table.rows if not any(cell.strip() for cell in cells[wide:])]
        self.numbers = [number for number, _ in kept]
        self._cells = [[*cells[:wide], *[""] * (wide - len(cells))] for _, cells in kept]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column, one a row, without blanks around them."""
        place = self.header.index(name)
        return [cells[place].strip(" \t\r\n\0\u00a0") for cells in self._cells]

    def find(self, option: str, names: Sequence[str]) -> list[str]:
        """Return columns by their names, in any case, as the header writes them.

        Args:
            option: in which they were given, for the error.
            names: as given.

        Raises:
            RefusedError: there is no such column, or two.
        """
        own = {column: column for column in self.header}
        folded: dict[str, list[str]] = {}
        for column in self.header:
            folded.setdefault(column.casefold(), []).append(column)
        found = []
        for name in names:
            alike = folded.get(name.strip().casefold(), [])
            chosen = own.get(name.strip()) or (alike[0] if len(alike) == 1 else None)
            if chosen is None or self.header.count(chosen) > 1:
                raise RefusedError(self._no_such(option, name, len(alike)))
            found.append(chosen)
        return found

    def _no_such(self, option: str, name: str, alike: int) -> str:
        if alike > 1:
            return f"{option}: {NAME} has {alike} columns {name!r}; name each differently."
        if any(sign in name for sign in ",;"):
            return f"{option}: {NAME} has no column {name!r}; separate names by blanks."
        near = difflib.get_close_matches(name.casefold(), [column.casefold() for column in self.header], 1, 0.7)
        if near:
            meant = next(column for column in self.header if column.casefold() == near[0])
            return f"{option}: {NAME} has no column {name!r}; did you mean {meant!r}?"
        # Not their names: in a table without header they are cells of its first row.
        return (
            f"{option}: {NAME} has no column {name!r} among its {len(self.header)}. Look at its first row: it must "
            "hold the names of the columns."
        )


def decode_table(content: bytes) -> str:
    """Return the text of a file: by its mark, else UTF-8, else UTF-16 by its zero bytes, else Windows-1252.

    Raises:
        TableError: it is a workbook, or no text.
    """
    if content[:4] == b"PK\3\4" or content[:4] == b"\xd0\xcf\x11\xe0":
        raise TableError(f"{NAME} is an Excel workbook; save it as CSV UTF-8.")
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return _decoded(content, encoding)
    sample = content[:2000]
    zeros = [sample[place::2].count(0) for place in (0, 1)]
    if max(zeros) > len(sample) // 8:
        return _decoded(content, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        # Windows-1252 holds five undefined bytes, Latin-1 none; for letters they are the same.
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    if text.count("\0") > 0.01 * len(text):
        raise TableError(f"{NAME} is no text; save it as CSV UTF-8.")
    return text


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise TableError(f"{NAME} begins as {encoding} and goes on otherwise; save it as CSV UTF-8.") from None


def _content(path: str) -> bytes:
    try:
        content = expand_home(path).read_bytes()
        return gzip.decompress(content) if Path(path).suffix.lower() == ".gz" else content
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise TableError(f"{NAME} is no whole gzip file; copy it again.") from None
    except OSError as error:
        raise TableError(f"--labels: {NAME} cannot be read ({error.strerror}).") from None


def _parsed(text: str) -> Table:
    """Parse with the separator that gives most rows as many cells as the header, of those that give several columns."""
    first, line_end, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's own line
        return parse_table(line_end + rest, NAME, first.strip()[4])
    head = "\n".join(text.split("\n")[:200])
    scores = {}
    for separator in _SEPARATORS:
        try:
            table = parse_table(head, NAME, separator)
        except TableError:
            continue
        alike = sum(len(cells) == len(table.header) for _, cells in table.rows)
        scores[separator] = (len(table.header) > 1, alike / max(1, len(table.rows)), len(table.header))
    separator = max(scores, key=scores.__getitem__, default=",")
    table = parse_table(text, NAME, separator)
    _check_one_separator(table, head, separator)
    return table


def _check_one_separator(table: Table, head: str, separator: str) -> None:
    """Refuse a header with one separator above rows with another: all of their text would be in the first column.

    Raises:
        TableError: most rows have as many cells as the header only with another separator than that of the header.
    """
    wide = len(table.header)
    others = sum(len(cells) != wide for _, cells in table.rows)
    if wide < 2 or 2 * others <= len(table.rows):
        return
    for other in _SEPARATORS.replace(separator, ""):
        try:
            rows = parse_table(head, NAME, other).rows
        except TableError:
            continue
        if 2 * sum(len(cells) == wide for _, cells in rows) > len(rows):
            raise TableError(
                f"{NAME} was read with {_PLURALS[separator]}, which its first row has between {wide} names; {others} "
                f"of {len(table.rows)} rows have another number of cells, for they are separated by "
                f"{_PLURALS[other]}. Save it with the same sign in all rows."
            )
