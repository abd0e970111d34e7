"""Decode the text of a table: UTF-8, UTF-16 or Windows-1252, plain or gzip."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from monai_mocoi.errors import TableError
from monai_mocoi.files.expand_home import expand_home

NAME = "the labels table"
"""What errors call it: its file's name could be that of a hospital or a person."""
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_table_text(path: str) -> str:
    """Return the text of a file, see :func:`decode_table`; one that cannot be read is a TableError."""
    try:
        content = expand_home(path).read_bytes()
        content = gzip.decompress(content) if Path(path).suffix.lower() == ".gz" else content
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise TableError(f"{NAME} is no whole gzip file; copy it again.") from None
    except OSError as error:
        raise TableError(f"--labels: {NAME} cannot be read ({error.strerror}).") from None
    return decode_table(content)


def decode_table(content: bytes) -> str:
    """Return a text: by its mark, else UTF-8, else UTF-16 by its zero bytes, else Windows-1252; or TableError."""
    if content[:4] in (b"PK\3\4", b"\xd0\xcf\x11\xe0"):
        raise TableError(f"{NAME} is an Excel workbook; save it as CSV UTF-8.")
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return _decoded(content, encoding)
    sample = content[:2000]
    zeros = [sample[place::2].count(0) for place in (0, 1)]
    if max(zeros) > len(sample) // 8:
        return _decoded(content, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")
    text = ""
    for encoding in ("utf-8", "cp1252", "latin-1"):  # Windows-1252 has five undefined bytes, Latin-1 none
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text.count("\0") > 0.01 * len(text):
        raise TableError(f"{NAME} is no text; save it as CSV UTF-8.")
    return text


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise TableError(f"{NAME} begins as {encoding} and goes on otherwise; save it as CSV UTF-8.") from None
