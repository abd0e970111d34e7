"""Tables and lists that come with published data sets: their rows by column, and the hash of a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from monai_mocoi.errors import DatasetError
from monai_mocoi.files.csv_table import read_table, read_text


def table_rows(
    path: str | Path, needed: Sequence[str], advice: str, optional: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the rows of a CSV table, plain or gzip (``.gz``).

    A row is its place, for errors ("labels.csv, row 3"), and its cells by column, without blanks around them. Every row
    must have the ``needed`` columns, in any case; the ``optional`` ones are given where they are there. What cannot be
    used is a DatasetError; of a missing column it ends with ``advice``, the next step.
    """
    name = Path(path).name
    table = read_table(path, needed)
    header = [column.lower() for column in table.header]
    if missing := [column for column in needed if column.lower() not in header]:
        raise DatasetError(
            f"{name} lacks the column(s) {', '.join(missing)}; it has {', '.join(table.header) or 'none'}. {advice}"
        )
    if not table.rows:
        raise DatasetError(f"{name} has no rows.")
    at = {column: header.index(column.lower()) for column in (*needed, *optional) if column.lower() in header}
    least = max(at[column] for column in needed)
    for number, row in table.rows:
        place = f"{name}, row {number}"
        if len(row) <= least:
            raise DatasetError(f"{place} has only {len(row)} columns; the file may be cut off. Download it again.")
        yield place, {column: row[index].strip() for column, index in at.items() if index < len(row)}


def read_image_list(path: str | Path) -> set[str]:
    """Read a list of images or patients: one name a line; plain or gzip. An empty one is a DatasetError."""
    names = {line.strip() for line in read_text(path).splitlines()} - {""}
    if not names:
        raise DatasetError(f"{Path(path).name} names no image.")
    return names


def file_sha256(path: str | Path) -> str:
    """Return a file's SHA-256 in hexadecimal, for the options; DatasetError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"'{path}' cannot be read ({error.strerror}).") from None
