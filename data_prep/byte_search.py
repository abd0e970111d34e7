"""Search folders for words in any of the ways in which bytes can hold them: who is told where nobody may be told?"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import unicodedata
import zipfile
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote

import numpy as np

SHORTEST = 4
"""Bytes; a shorter pattern stands in any large file by chance."""
_CHUNK = 1 << 24
_DEEPEST = 4  # archives in archives
_UNREADABLE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error)
"""What ``zipfile`` raises of a file that is damaged, encrypted (RuntimeError) or packed by another method."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Finding(NamedTuple):
    """A word that stands somewhere."""

    word: str
    where: str
    """The file, as a path relative to the folder searched; the members of archives behind "!"."""
    how: str
    """"UTF-8", "UTF-16 LE", "base64", "name of the file", ..."""


class _Meaning(NamedTuple):
    word: str
    how: str
    whole: bool
    """Only where no letter stands beside it: "perpetual" is not Perpetua."""


def encodings(word: str) -> dict[bytes, str]:
    """Return the patterns of bytes that stand for a word, each with the name of its encoding.

    UTF-8 (composed and decomposed letters), Latin-1, UTF-16 in both orders, as it stands in JSON with escapes, in HTML
    and in a URL; and the base64 of UTF-8, Latin-1 and UTF-16, wherever in three bytes it begins, with both alphabets.
    Patterns below :data:`SHORTEST` bytes are left out.
    """
    patterns: dict[bytes, str] = {}

    def add(pattern: bytes, how: str) -> None:
        if len(pattern) >= SHORTEST:
            patterns.setdefault(pattern, how)

    plain = {
        "UTF-8": _encoded(word, "utf-8"),
        "UTF-8, decomposed": _encoded(unicodedata.normalize("NFD", word), "utf-8"),
        "Latin-1": _encoded(word, "latin-1"),
        "UTF-16 LE": _encoded(word, "utf-16-le"),
        "UTF-16 BE": _encoded(word, "utf-16-be"),
    }
    for how, pattern in plain.items():
        add(pattern, how)
    add(json.dumps(word)[1:-1].encode(), "JSON")
    add(escape(word).encode(errors="surrogateescape"), "HTML")
    add(quote(word, safe="", errors="surrogateescape").encode(), "URL")
    for how, pattern in plain.items():
        for inner in _in_base64(pattern):
            add(inner, f"base64 of {how}")
            add(inner.translate(_URL_SAFE), f"base64 of {how}")
    return patterns


def _encoded(text: str, encoding: str) -> bytes:
    """The bytes of a text; nothing where the encoding does not have it."""
    try:
        return text.encode(encoding, errors="surrogateescape" if encoding == "utf-8" else "strict")
    except UnicodeEncodeError:
        return b""


def _in_base64(pattern: bytes) -> Iterator[bytes]:
    """What base64 makes of a pattern, whatever stands before and behind it: only letters that it decides alone."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + pattern + bytes(-(before + len(pattern)) % 3))
        inner = encoded[-(-before * 8 // 6) : (before + len(pattern)) * 8 // 6]
        # Six letters: fewer stand in any large file by chance.
        if len(inner) >= 6:
            yield inner


class ByteSearch:
    """Search files for many words at once, at tens of MB a second however many there are.

    Args:
        words: to search for, as they are and, as whole words, in lower and in upper case; such as have no pattern of 4
            bytes are left out.
        as_written: those of them that are searched for only as they are: a folder may be called SCREEN.

    Attributes:
        too_short: number of words that were left out.
        not_searched: packed files met so far that could not be looked into: encrypted, damaged, or packed too deep.
    """

    def __init__(self, words: Iterable[str], as_written: Container[str] = ()) -> None:
        self.too_short = 0
        self.not_searched = 0
        # By the first three bytes: a table says whether anything begins so.
        self._begins = np.zeros(1 << 24, bool)
        self._by_start: dict[bytes, dict[int, dict[bytes, list[_Meaning]]]] = {}  # and by the length
        self._longest = 1
        for word in dict.fromkeys(words):
            patterns = encodings(word)
            self.too_short += not patterns
            self._add(patterns, word, whole=False)
            if word not in as_written:
                for other in {word.lower(), word.upper()} - {word}:
                    self._add(encodings(other), word, whole=True)

    def _add(self, patterns: Mapping[bytes, str], word: str, whole: bool) -> None:
        for pattern, how in patterns.items():
            whole_here = whole and how in ("UTF-8", "Latin-1")
            by_length = self._by_start.setdefault(pattern[:3], {})
            by_length.setdefault(len(pattern), {}).setdefault(pattern, []).append(_Meaning(word, how, whole_here))
            self._begins[pattern[0] << 16 | pattern[1] << 8 | pattern[2]] = True
            self._longest = max(self._longest, len(pattern))

    def in_bytes(self, content: bytes) -> set[tuple[str, str]]:
        """Return the words that stand in ``content``, each with its encoding."""
        return self._in_stream(io.BytesIO(content))

    def in_folder(self, folder: str | os.PathLike[str]) -> list[Finding]:
        """Search a file, or all files in a folder and below, and their names; symbolic links are not followed.

        Also searched is what is packed: members of zip archives (PyTorch's files are such), gzip, and the texts of PNG.

        Returns:
            each word once a file and encoding, in the order of the files.

        Raises:
            OSError: a file cannot be read.
        """
        root = Path(folder)
        found: list[Finding] = []
        if not root.is_dir():
            return [Finding(word, root.name, how) for word, how in sorted(self._in_file(root))]
        for place, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(folders):
                found += self._named(Path(place, name), root)
            for name in sorted(files):
                path = Path(place, name)
                found += self._named(path, root)
                if path.is_file() and not path.is_symlink():
                    where = path.relative_to(root).as_posix()
                    found += [Finding(word, where, how) for word, how in sorted(self._in_file(path))]
        return found

    def _named(self, path: Path, root: Path) -> list[Finding]:
        where = path.relative_to(root).as_posix()
        texts = {"name of a file or folder": path.name}
        if path.is_symlink():
            texts["place that a link leads to"] = os.readlink(path)
        return [
            Finding(word, where, what)
            for what, text in texts.items()
            for word in sorted({word for word, _ in self.in_bytes(text.encode(errors="surrogateescape"))})
        ]

    def _in_file(self, path: Path) -> set[tuple[str, str]]:
        with open(path, "rb") as file:
            return self._in_any(file, _DEEPEST)

    def _in_any(self, file: IO[bytes], depth: int) -> set[tuple[str, str]]:
        found = self._in_stream(file)
        file.seek(0)
        start = file.read(8)
        file.seek(0)
        packed = start.startswith((b"PK", b"\x1f\x8b"))
        if packed and depth == 0:
            self.not_searched += 1
        elif start.startswith(b"PK"):
            found |= self._in_zip(file, depth)
        elif packed:
            try:
                content = gzip.decompress(file.read())
            except gzip.BadGzipFile:  # it only began like one
                return found
            except (EOFError, zlib.error):
                self.not_searched += 1
                return found
            found |= self._in_any(io.BytesIO(content), depth - 1)
        elif start == b"\x89PNG\r\n\x1a\n":
            for text in _png_texts(file.read()):
                found |= self.in_bytes(text)
        return found

    def _in_zip(self, file: IO[bytes], depth: int) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        if not zipfile.is_zipfile(file):  # it only began like one
            return found
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                for member in archive.infolist():
                    try:
                        content = archive.read(member)
                    except _UNREADABLE:
                        self.not_searched += 1
                        continue
                    found |= self._in_any(io.BytesIO(content), depth - 1)
        except _UNREADABLE:
            self.not_searched += 1
        return found

    def _in_stream(self, file: IO[bytes]) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        rest = b""
        while chunk := file.read(_CHUNK):
            content = rest + chunk
            for place in self._places(content):
                for length, patterns in self._by_start[content[place : place + 3]].items():
                    end = place + length
                    if (meanings := patterns.get(content[place:end])) is not None:
                        alone = not (content[max(0, place - 1) : place].isalpha() or content[end : end + 1].isalpha())
                        found.update((word, how) for word, how, whole in meanings if alone or not whole)
            rest = content[-self._longest - 1 :]
        return found

    def _places(self, content: bytes) -> list[int]:
        values = np.frombuffer(content, np.uint8).astype(np.uint32)
        places: list[int] = np.flatnonzero(
            self._begins[values[:-2] << 16 | values[1:-1] << 8 | values[2:]] if len(values) > 2 else []
        ).tolist()
        return places


def _png_texts(content: bytes) -> Iterator[bytes]:
    """The texts of a PNG (tEXt, zTXt, iTXt, eXIf), unpacked."""
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
