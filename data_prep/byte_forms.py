"""The bytes in which a word can be: every encoding of it, and what packed files hold."""

import base64
import bz2
import gzip
import json
import lzma
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from html import escape
from typing import IO
from urllib.parse import quote

SHORTEST = 4  # bytes; a shorter pattern occurs in any large file by chance
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def encodings(word: str) -> dict[bytes, str]:
    """Return the patterns of :data:`SHORTEST` bytes or more that mean a word, each with the name of its encoding."""
    plain = {
        "UTF-8": _encoded(word, "utf-8"),
        "UTF-8, decomposed": _encoded(unicodedata.normalize("NFD", word), "utf-8"),
        "Latin-1": _encoded(word, "latin-1"),
        "UTF-16 LE": _encoded(word, "utf-16-le"),
        "UTF-16 BE": _encoded(word, "utf-16-be"),
    }
    written = {
        **plain,
        "JSON": json.dumps(word)[1:-1].encode(),
        "HTML": escape(word).encode(errors="surrogateescape"),
        "URL": quote(word, safe="", errors="surrogateescape").encode(),
    }
    found = [(pattern, how) for how, pattern in written.items()]
    for how, pattern in plain.items():
        for inner in _in_base64(pattern):
            found += [(inner, f"base64 of {how}"), (inner.translate(_URL_SAFE), f"base64 of {how}")]
    # Of two encodings with one pattern, the first counts.
    return {pattern: how for pattern, how in reversed(found) if len(pattern) >= SHORTEST}


def _encoded(text: str, encoding: str) -> bytes:
    """The bytes of a text; nothing where the encoding does not have it."""
    try:
        return text.encode(encoding, errors="surrogateescape" if encoding == "utf-8" else "strict")
    except UnicodeEncodeError:
        return b""


def _in_base64(pattern: bytes) -> Iterator[bytes]:
    """What base64 makes of a pattern, whatever comes before and after it: only letters that it decides alone."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + pattern + bytes(-(before + len(pattern)) % 3))
        inner = encoded[-(-before * 8 // 6) : (before + len(pattern)) * 8 // 6]
        # Six letters: fewer occur in any large file by chance.
        if len(inner) >= 6:
            yield inner


# What zipfile and the others raise of a file that is damaged, encrypted (RuntimeError) or packed by another method.
_UNREADABLE = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError,
)  # fmt: skip
_PACKED_WHOLE = {b"\x1f\x8b": gzip.decompress, b"\xfd7zXZ\0": lzma.decompress}
_PACKED_WHOLE |= {b"BZh%d1AY&" % level: bz2.decompress for level in range(1, 10)}
_NOT_UNPACKED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd")  # 7z, RAR, Zstandard


def is_archive(file: IO[bytes]) -> bool:
    """Tell whether a file begins like a packed one: zip, gzip, bzip2, xz, 7z, RAR or Zstandard."""
    return _start(file).startswith((b"PK", *_PACKED_WHOLE, *_NOT_UNPACKED))


def unpacked(file: IO[bytes]) -> Iterator[bytes | None]:
    """Give what a packed file holds; None for each part that is encrypted, damaged or packed by another method."""
    start = _start(file)
    try:
        if start.startswith(b"PK"):
            if zipfile.is_zipfile(file):  # else it only begins like one
                file.seek(0)
                with zipfile.ZipFile(file) as archive:
                    for member in archive.infolist():
                        try:
                            content: bytes | None = archive.read(member)
                        except _UNREADABLE:
                            content = None
                        yield content
        elif way := next((way for mark, way in _PACKED_WHOLE.items() if start.startswith(mark)), None):
            yield way(file.read())
        elif start.startswith(_NOT_UNPACKED):
            yield None
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
