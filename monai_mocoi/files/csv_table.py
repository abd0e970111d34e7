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
    for :func:`read_text`. Raises TableError: as :func:`read_text`; the table has semicolons or tabs; a quotation mark
    runs over rows; or rows of it have more cells than its header, see :func:`torn_rows`.
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
    check_quotes(table, name)
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

    Empty cells beyond it, which a comma at the end of a row makes, count where another row has such a number, except if
    most rows end so.
    """
    wide = len(table.header)
    longer = [(number, any(cell.strip() for cell in row[wide:])) for number, row in table.rows if len(row) > wide]
    ended = sum(not filled for _, filled in longer)
    both = len(longer) > ended and 2 * ended <= len(table.rows)
    return [number for number, filled in longer if filled or both]


def parse_table(text: str, name: str, delimiter: str = ",") -> Table:
    """Parse the text of a table. Raises TableError: it is no CSV; names the row."""
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
                rows.append((number, row))
    except csv.Error as error:
        raise TableError(f"{name}, row {number + 1}: no readable CSV ({error}); {_SAVE}.") from None
    return Table(header or [], rows)


def check_quotes(table: Table, name: str, delimiter: str = ",") -> None:
    """Refuse a table (TableError) in which a cell has taken in whole rows, from one quotation mark to another.

    Lines of a text are told from rows by this: a row has as many separators as the header, and in some column a value
    that other rows have there too, or a number where they have numbers.
    """
    for number, row in table.rows:
        for place, cell in enumerate(row):
            inner = cell.splitlines()[1:-1] if "\n" in cell or "\r" in cell else []
            lines = list(csv.reader(inner, delimiter=delimiter, quoting=csv.QUOTE_NONE)) if inner else []
            if lines and all(len(line) == len(table.header) for line in lines) and _are_rows(lines, place, table):
                raise TableError(
                    f"{name}, row {number}: a quotation mark begins a text that takes in the next {len(lines)} rows or "
                    "more; delete it, or write it twice within a text in quotation marks."
                )


def _are_rows(lines: list[list[str]], quoted: int, table: Table) -> bool:
    for place in range(len(table.header)):
        if place == quoted:
            continue
        others = {row[place].strip() for _, row in table.rows if place < len(row)} - {""}
        own = {line[place].strip() for line in lines}
        if own <= others or (others and all(map(is_number, [*others, *own]))):
            return True
    return False


def is_number(text: str) -> bool:
    """Whether a cell reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has(header: Sequence[str], needed: Sequence[str]) -> bool:
    return {column.lower() for column in needed} <= {column.lower() for column in header}
