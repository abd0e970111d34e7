"""Search folders for words in any encoding: who is named where nobody may be named?"""

import io
import os
from collections.abc import Container, Iterable
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from data_prep.byte_forms import encodings, is_archive, unpacked

_CHUNK = 1 << 24
_DEEPEST = 4  # archives in archives


class Finding(NamedTuple):
    """A word that was found."""

    word: str
    where: str  # the file, as a path relative to the folder searched
    how: str  # "UTF-8", "UTF-16 LE", "base64 of UTF-8", "name of a file or folder", ...


class _Meaning(NamedTuple):
    word: str
    how: str
    whole: bool  # only where no letter is beside it: "perpetual" is not Perpetua


class ByteSearch:
    """Search files for many words at once, at tens of MB a second however many there are.

    They are searched for as they are and, as whole words, in lower and in upper case; those ``as_written`` only as they
    are: a folder may be called SCREEN.
    """

    def __init__(self, words: Iterable[str], as_written: Container[str] = ()) -> None:
        self.too_short = 0  # words of fewer than 4 bytes, which are searched for at most in UTF-16 and the like
        self.not_searched = 0  # packed files that could not be looked into: encrypted, damaged, or packed too deep
        self.links_out = 0  # links that lead out of the folder that was searched
        # By the first three bytes: a table says whether anything begins so.
        self._begins = np.zeros(1 << 24, bool)
        self._by_start: dict[bytes, dict[int, dict[bytes, list[_Meaning]]]] = {}  # and by the length
        self._longest = 1
        for word in dict.fromkeys(words):
            self.too_short += not self._add(word, word, whole=False)
            if word not in as_written:
                for other in {word.lower(), word.upper()} - {word}:
                    self._add(other, word, whole=True)

    def _add(self, written: str, word: str, whole: bool) -> bool:
        """Add the patterns of a word as it may be written; return whether plain text is among them."""
        patterns = encodings(written)
        for pattern, how in patterns.items():
            whole_here = whole and how in ("UTF-8", "Latin-1")
            by_length = self._by_start.setdefault(pattern[:3], {})
            by_length.setdefault(len(pattern), {}).setdefault(pattern, []).append(_Meaning(word, how, whole_here))
            self._begins[pattern[0] << 16 | pattern[1] << 8 | pattern[2]] = True
            self._longest = max(self._longest, len(pattern))
        return "UTF-8" in patterns.values()

    def in_bytes(self, content: bytes) -> set[tuple[str, str]]:
        """Return the words that ``content`` holds, each with its encoding."""
        return self._in_stream(io.BytesIO(content))

    def in_folder(self, folder: str | os.PathLike[str]) -> list[Finding]:
        """Return each word once a file and encoding, in the order of the files; links are not followed.

        A folder or file that cannot be read is an OSError.
        """
        root = Path(folder)
        if not root.is_dir():
            return self._in_name(root.name, root.name) + self._in_file(root, root.name)
        found: list[Finding] = []
        for parent, folders, files in os.walk(root, onerror=_raise):
            folders.sort()
            for name in (*sorted(folders), *sorted(files)):
                path = Path(parent, name)
                where = path.relative_to(root).as_posix()
                found += self._in_name(name, where)
                if path.is_symlink():
                    self.links_out += path.exists() and not path.resolve().is_relative_to(root.resolve())
                    found += self._in_name(os.readlink(path), where, "place that a link leads to")
                if path.is_file() and not path.is_symlink():
                    found += self._in_file(path, where)
        return found

    def _in_name(self, name: str, where: str, what: str = "name of a file or folder") -> list[Finding]:
        words = {word for word, _ in self.in_bytes(name.encode(errors="surrogateescape"))}
        return [Finding(word, where, what) for word in sorted(words)]

    def _in_file(self, path: Path, where: str) -> list[Finding]:
        with open(path, "rb") as file:
            return [Finding(word, where, how) for word, how in sorted(self._in_any(file, _DEEPEST))]

    def _in_any(self, file: IO[bytes], depth: int) -> set[tuple[str, str]]:
        found = self._in_stream(file)
        if too_deep := depth <= 0 and is_archive(file):
            self.not_searched += 1
        if too_deep or depth < 0:
            return found
        for content in unpacked(file):
            if content is None:
                self.not_searched += 1
            else:
                found |= self._in_any(io.BytesIO(content), depth - 1)
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


def _raise(error: OSError) -> None:
    raise error
