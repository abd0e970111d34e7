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


def read_table(path: str | Path, needed: Sequence[str], name: str | None = None) -> Table:
    """Read a CSV table with commas. Which columns are missing, the caller has to say.

    By ``needed`` columns, in any case, a table with semicolons or tabs is known; ``name`` as for :func:`read_text`.
    Raises TableError: as :func:`read_text`; or the table has semicolons or tabs.
    """
    text = read_text(path, name)
    name = name or Path(path).name
    table = parse_table(text, name)
    first = text.lstrip().split("\n")[0]
    for sign, plural in _SIGNS.items():
        if not _has(table.header, needed) and _has(parse_table(first, name, sign).header, needed):
            raise TableError(
                f"{name} has {plural} between its columns; save it with commas (and with points in its numbers)."
            )
    return table


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


def _has(header: Sequence[str], needed: Sequence[str]) -> bool:
    return {column.lower() for column in needed} <= {column.lower() for column in header}
