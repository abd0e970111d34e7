"""Words of a command without folders of the machine, which could name somebody."""

import json
import ntpath
import os
import posixpath
import re
from collections.abc import Mapping
from typing import Any

_PLACE = re.compile(r"~|/|\\\\|[A-Za-z]:[\\/]|file:|(.*[\\/])?\.\.([\\/]|$)")
# In the middle of a word, after anything but a name: to the next quotation mark, because places may hold spaces.
_INSIDE = re.compile(
    r"""((?<![\w.)\]/\\])(~|/+(?=[^\s/])|\\\\)|(?<!\w)([A-Za-z]:[\\/]|file:)|(?<![\w.])\.\.(?=[\\/'"]|$))[^'"]*"""
)


def masked(word: str, known: Mapping[str, str]) -> str:
    """A word, with ``known`` places by their names in <angle brackets>, other files by theirs, and no other place.

    Also places inside JSON, expressions, lists and after ``--name=``.
    """
    if word in known:
        return known[word]
    if _PLACE.match(word) or os.path.isabs(word):
        name = ntpath.basename(posixpath.basename(word))
        return f"<{name}>" if "." in name.strip(".") else "<folder>"
    name, equals, value = word.partition("=")
    if equals and name.startswith("-"):
        return f"{name}={masked(value, known)}"
    if word[:1] in ("[", "{", '"'):
        try:
            return json.dumps(_of_json(json.loads(word), known), ensure_ascii=False)
        except ValueError:
            return "<value>"
    return _INSIDE.sub(lambda found: masked(found[0], known), word)


def _of_json(own: Any, known: Mapping[str, str]) -> Any:
    if isinstance(own, dict):
        return {masked(name, known): _of_json(value, known) for name, value in own.items()}
    if isinstance(own, list):
        return [_of_json(value, known) for value in own]
    return masked(own, known) if isinstance(own, str) else own
