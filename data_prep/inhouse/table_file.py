"""Read a table as hospitals save it: any usual encoding and separator, with or without mark, quoted or not, or gzip."""

import codecs
import difflib
from collections.abc import Sequence

from monai_mocoi.errors import RefusedError, TableError
from monai_mocoi.files.csv_table import Table, check_quotes, parse_table, read_content, torn_rows
from monai_mocoi.files.home_folder import expand_home

NAME = "the labels table"  # what errors call it: its file's name could be that of a hospital or a person
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decode_table(content: bytes) -> str:
    """Return a text: by its mark, else UTF-8, else UTF-16 by its zero bytes, else Windows-1252; or TableError."""
    if content[:4] in (b"PK\3\4", b"\xd0\xcf\x11\xe0"):
        raise TableError(f"{NAME} is an Excel workbook; save it as CSV UTF-8.")
    marked = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), None)
    zeros = [content[place:2000:2].count(0) for place in (0, 1)]
    if marked is None and max(zeros) > len(content[:2000]) // 8:
        marked = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    # Windows-1252 has five undefined bytes, Latin-1 none.
    for encoding in ("utf-8", "cp1252", "latin-1") if marked is None else (marked,):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise TableError(f"{NAME} begins as {marked} and goes on otherwise; save it as CSV UTF-8.")
    if marked is None and text.count("\0") > 0.01 * len(text):
        raise TableError(f"{NAME} is no text; save it as CSV UTF-8.")
    return text


_PLURALS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class LabelFile:
    """The cells of a table, column by column. Errors repeat nothing of them, only the numbers of rows."""

    def __init__(self, path: str) -> None:
        table = _parsed(decode_table(read_content(expand_home(path), f"--labels: {NAME}")))
        if not table.rows:
            raise TableError(f"{NAME} has no rows below its header.")
        self.header = table.header
        # Otherwise the cells of the first row would be shown as names of columns.
        if any(sum(sign.isdigit() for sign in column) > 4 for column in self.header):
            raise TableError(f"the first row of {NAME} seems to hold data; add a row with the names of the columns.")
        wide = len(self.header)
        self.torn = torn_rows(table)  # which are left out
        self.numbers: list[int] = []  # of the rows in the file, as spreadsheets count
        self._cells: list[list[str]] = []
        left_out = {*self.torn}
        for number, cells in table.rows:
            if number not in left_out:
                self.numbers.append(number)
                self._cells.append([*cells[:wide], *[""] * (wide - len(cells))])

    def column(self, name: str) -> list[str]:
        """Return the cells of a column, one a row, without blanks around them."""
        place = self.header.index(name)
        return [cells[place].strip(" \t\r\n\0\u00a0") for cells in self._cells]

    def find(self, option: str, names: Sequence[str]) -> list[str]:
        """Return columns by their names, in any case, as the header writes them; ``option`` is for errors."""
        folded: dict[str, list[str]] = {}
        for column in self.header:
            folded.setdefault(column.casefold(), []).append(column)
        found = []
        for name in (given.strip() for given in names):
            alike = folded.get(name.casefold(), [])
            chosen = name if name in self.header else alike[0] if len(alike) == 1 else None
            if chosen is None or self.header.count(chosen) > 1:
                raise RefusedError(f"{option}: {NAME} has {self._no_such(name, len(alike))}")
            found.append(chosen)
        return found

    def _no_such(self, name: str, alike: int) -> str:
        if alike > 1:
            return f"{alike} columns {name!r}; name each differently."
        if any(sign in name for sign in ",;"):
            return f"no column {name!r}; separate names by blanks."
        near = difflib.get_close_matches(name.casefold(), [column.casefold() for column in self.header], 1, 0.7)
        if near:
            meant = next(column for column in self.header if column.casefold() == near[0])
            return f"no column {name!r}; did you mean {meant!r}?"
        # Not their names: in a table without header they are cells of its first row.
        return (
            f"no column {name!r} among its {len(self.header)}. Look at its first row: it must hold the names of the "
            "columns."
        )


def _parsed(text: str) -> Table:
    """Parse with the separator that gives most rows as many cells as the header, of those that give several columns."""
    first, line_end, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's own line
        return parse_table(line_end + rest, NAME, first.strip()[4])
    head = "\n".join(text.split("\n")[:200])
    heads: dict[str, Table] = {}
    for separator in _PLURALS:
        try:
            heads[separator] = parse_table(head, NAME, separator)
        except TableError:
            continue

    def score(separator: str) -> tuple[bool, float, int]:
        table = heads[separator]
        alike = sum(len(cells) == len(table.header) for _, cells in table.rows)
        return len(table.header) > 1, alike / max(1, len(table.rows)), len(table.header)

    separator = max(heads, key=score, default=",")
    table = parse_table(text, NAME, separator)
    _check_one_separator(table, separator, heads)
    check_quotes(table, NAME, separator)
    return table


def _check_one_separator(table: Table, separator: str, heads: dict[str, Table]) -> None:
    """Refuse a header with one separator above rows with another: all of their text would be in the first column."""
    wide = len(table.header)
    others = sum(len(cells) != wide for _, cells in table.rows)
    if wide < 2 or 2 * others <= len(table.rows):
        return
    for other, head in heads.items():
        if other != separator and 2 * sum(len(cells) == wide for _, cells in head.rows) > len(head.rows):
            raise TableError(
                f"{NAME} was read with {_PLURALS[separator]}, which its first row has between {wide} names; {others} "
                f"of {len(table.rows)} rows have another number of cells, because they are separated by "
                f"{_PLURALS[other]}. Save it with the same sign in all rows."
            )
