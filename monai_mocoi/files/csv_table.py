"""Tables and lists that people saved: UTF-8 CSV, and what is said of the other forms that spreadsheets write."""

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_mocoi.errors import TableError

_SIGNS = {";": "semicolons", "\t": "tabs"}
_SAVE = "save it as CSV UTF-8, separated by commas"


@dataclass(frozen=True)
class Table:
    """A CSV table: names of the columns without blanks around them, and (number in the file, cells as written) by row.

    Rows in which all cells are empty are left out: spreadsheets add them at the end.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]


def read_text(path: str | Path, name: str | None = None) -> str:
    """Read a text file: UTF-8 with or without mark, plain or gzip (``.gz``); errors call it ``name``, or its own.

    Raises TableError: it is not there, damaged, or in another encoding.
    """
    path = Path(path)
    if not path.is_file():
        raise TableError(f"there is no file '{name or path}'.")
    name = name or path.name
    content = read_content(path, name)
    try:
        text = content.decode("utf-8-sig")
        why = "it holds zero bytes, as UTF-16 does" if "\0" in text else ""
    except UnicodeDecodeError:
        is_utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        why = 'it is UTF-16, Excel\'s "Unicode Text"' if is_utf16 else "its letters are not in UTF-8"
    if content[:4] == b"PK\3\4":
        why = "it is a zip archive, as an Excel workbook is"
    if why:
        save = "save it as UTF-8 text" if ".txt" in path.suffixes else _SAVE
        raise TableError(f"{name} is no readable text: {why}; {save}.")
    return text


def read_content(path: Path, name: str) -> bytes:
    """Read the bytes of a file, those of a gzip file (``.gz``) unpacked; one that is damaged is a TableError."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix.lower() == ".gz" else content
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise TableError(f"{name} is no whole gzip file; download or copy it again.") from None
    except OSError as error:
        raise TableError(f"{name} cannot be read ({error.strerror}).") from None


def read_table(path: str | Path, needed: Sequence[str], name: str | None = None, *or_needed: Sequence[str]) -> Table:
    """Read a CSV table with commas. Which columns are missing, the caller has to say.

    By ``needed`` columns (or others, ``or_needed``), in any case, a table with semicolons or tabs is known; ``name`` as
    for :func:`read_text`. Raises TableError: as :func:`read_text`; the table has semicolons or tabs; or rows of it have
    more cells than its header, see :func:`torn_rows`.
    """
    text = read_text(path, name)
    name = name or Path(path).name
    table = parse_table(text, name)
    first = text.lstrip().split("\n")[0]
    for sign, plural in _SIGNS.items():
        other = parse_table(first, name, sign).header
        if any(_has(other, some) and not _has(table.header, some) for some in (needed, *or_needed)):
            raise TableError(
                f"{name} has {plural} between its columns; save it with commas (and with points in its numbers)."
            )
    if torn := torn_rows(table):
        some = ", ".join(map(str, torn[:5])) + (", ..." if len(torn) > 5 else "")
        raise TableError(
            f"{name}: {len(torn)} of {len(table.rows)} rows (row {some}) have more cells than the first row, which has "
            f"{len(table.header)}, so that it is not known which cell is which; put a text or number with a comma in "
            "quotation marks."
        )
    return table


def torn_rows(table: Table) -> list[int]:
    """Numbers of the rows with more cells than the header, as a number with a comma makes them.

    Empty cells beyond it count too, except where most rows have some: a program ends each row with a comma.
    """
    wide = len(table.header)
    longer = [(number, any(cell.strip() for cell in row[wide:])) for number, row in table.rows if len(row) > wide]
    as_a_rule = 2 * sum(not filled for _, filled in longer) > len(table.rows)
    return [number for number, filled in longer if filled or not as_a_rule]


def parse_table(text: str, name: str, delimiter: str = ",") -> Table:
    """Parse the text of a table. Raises TableError: it is no CSV, or a quotation mark runs over rows; names the row."""
    header: list[str] | None = None
    rows: list[tuple[int, list[str]]] = []
    number = 0
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), start=1):
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [column.strip() for column in row]
            else:
                if lost := max(_rows_within(cell, len(header), delimiter) for cell in row):
                    raise TableError(
                        f"{name}, row {number}: a quotation mark begins a text that takes in the next {lost} rows or "
                        "more; delete it, or write it twice within a text in quotation marks."
                    )
                rows.append((number, row))
    except csv.Error as error:
        raise TableError(f"{name}, row {number + 1}: no readable CSV ({error}); {_SAVE}.") from None
    return Table(header or [], rows)


def _rows_within(cell: str, wide: int, delimiter: str) -> int:
    """How many whole rows of the table a cell holds: lines with as many separators as the header has; 0: it is text."""
    lines = cell.splitlines()[1:-1]
    # A line of a report may have one or two commas by chance.
    alike = wide > 1 and all(line.count(delimiter) == wide - 1 for line in lines)
    return len(lines) if alike and len(lines) * (wide - 1) >= 4 else 0


def _has(header: Sequence[str], needed: Sequence[str]) -> bool:
    return {column.lower() for column in needed} <= {column.lower() for column in header}
