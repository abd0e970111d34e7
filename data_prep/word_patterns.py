"""The byte patterns of a word: every encoding in which a file can hold it."""

import base64
import json
import unicodedata
from collections.abc import Iterator
from html import escape
from urllib.parse import quote

SHORTEST = 4
"""Bytes; a shorter pattern occurs in any large file by chance."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def encodings(word: str) -> dict[bytes, str]:
    """Return the patterns of bytes that mean a word, each with the name of its encoding.

    UTF-8 (composed and decomposed letters), Latin-1, UTF-16 in both orders, as written in JSON with escapes, in HTML
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
    """What base64 makes of a pattern, whatever comes before and after it: only letters that it decides alone."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + pattern + bytes(-(before + len(pattern)) % 3))
        inner = encoded[-(-before * 8 // 6) : (before + len(pattern)) * 8 // 6]
        # Six letters: fewer occur in any large file by chance.
        if len(inner) >= 6:
            yield inner
