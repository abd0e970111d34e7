"""How the JSON of a bundle is laid out, so that a person can read it. It imports nothing of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

_WIDTH = 110  # of a line, with its comma
FILLED = "settings"
"""The dict whose entries share lines: references of one kind, which nobody edits."""
_GROUP_START = re.compile(r'\n\n  "([^"]+)": ')


def group_starts(text: str) -> set[str]:
    """The top-level keys of a JSON text that stand below an empty line: each begins a group."""
    return set(_GROUP_START.findall(text))


def config_text(config: dict[str, Any], starts: Collection[str] = ()) -> str:
    """A config file.

    Args:
        config: its content.
        starts: keys that begin a group: an empty line stands before each.
    """
    text = on_lines(config) + "\n"
    for key in starts:
        text = text.replace(f"\n  {json.dumps(key)}: ", f"\n\n  {json.dumps(key)}: ", 1)
    return text


def on_lines(value: Any, indent: int = 0, key: str = "") -> str:
    """Format JSON as a person would: what fits on the line of its key goes there.

    Args:
        value: what is to be written.
        indent: spaces before the lines below the first one.
        key: what stands before the value on its line, such as ``"seed": ``.
    """
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (indent and indent + len(key) + len(line) < _WIDTH):
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        keys = [f"{json.dumps(k, ensure_ascii=False)}: " for k in value]
        parts = [k + on_lines(v, indent + 2, k) for k, v in zip(keys, value.values(), strict=True)]
        if key == f'"{FILLED}": ':
            parts = list(_filled(parts, _WIDTH - indent - 2))
        start, end = "{", "}"
    else:
        parts = [on_lines(v, indent + 2) for v in value]
        start, end = "[", "]"
    return start + "\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * indent + end


def _filled(parts: list[str], width: int) -> Iterator[str]:
    """As many parts on a line as fit, with its comma."""
    line = parts[0]
    for part in parts[1:]:
        if len(line) + len(part) + 3 > width:
            yield line
            line = part
        else:
            line += f", {part}"
    yield line
