"""The content of packed files: members of zip archives (PyTorch's files are such), gzip, and the texts of PNG."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

_UNREADABLE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error)
"""What ``zipfile`` raises of a file that is damaged, encrypted (RuntimeError) or packed by another method."""


def is_archive(file: IO[bytes]) -> bool:
    """Tell whether a file begins like a zip or gzip file."""
    return _start(file).startswith((b"PK", b"\x1f\x8b"))


def unpacked(file: IO[bytes]) -> Iterator[bytes | None]:
    """Give what a packed file holds; None for each part that is encrypted, damaged or packed by another method."""
    start = _start(file)
    try:
        if start.startswith(b"PK"):
            if zipfile.is_zipfile(file):  # else it only begins like one
                file.seek(0)
                with zipfile.ZipFile(file) as archive:
                    yield from _members(archive)
        elif start.startswith(b"\x1f\x8b"):
            yield gzip.decompress(file.read())
        elif start == b"\x89PNG\r\n\x1a\n":
            yield from _png_texts(file.read())
    except gzip.BadGzipFile:  # it only begins like one
        return
    except _UNREADABLE:
        yield None


def _start(file: IO[bytes]) -> bytes:
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    return start


def _members(archive: zipfile.ZipFile) -> Iterator[bytes | None]:
    for member in archive.infolist():
        try:
            content = archive.read(member)
        except _UNREADABLE:
            yield None
            continue
        yield content


def _png_texts(content: bytes) -> Iterator[bytes]:
    """The packed texts of a PNG (zTXt, iTXt, iCCP)."""
    place = 8
    while place + 8 <= len(content):
        length, kind = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8]
        data = content[place + 8 : place + 8 + length]
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            for start in range(len(data)):
                if data[start : start + 1] == b"\x78":  # how zlib's streams begin
                    try:
                        yield zlib.decompress(data[start:])
                    except zlib.error:
                        continue
                    break
        place += 12 + length
