"""How the JSON of a bundle is laid out, so that a person can read it. It imports nothing of ours."""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

_WIDTH = 120  # of a line, with its comma: as everywhere in the project
_CLASS = '"_target_": '  # begins a component
_GROUP_START = re.compile(r'\n\n  "([^"]+)": ')


def group_starts(text: str) -> set[str]:
    """The top-level keys of a JSON text that come below an empty line: each begins a group."""
    return set(_GROUP_START.findall(text))


def config_text(config: dict[str, Any], starts: Collection[str] = ()) -> str:
    """Lay out a config file: constants one a line, components as calls; an empty line before the keys ``starts``."""
    lines = []
    for key, value in config.items():
        name = f"{json.dumps(key, ensure_ascii=False)}: "
        lines.append(("\n" if key in starts else "") + f"  {name}{on_lines(value, 2, name)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def on_lines(value: Any, indent: int = 0, key: str = "") -> str:
    """Format JSON as a person would: what fits on the line of its key goes there.

    Otherwise a list has one part a line. The short parts of a dict share lines, as the arguments of a call do; the
    class of a component has a line of its own. ``indent`` are the spaces before the lines below the first one, ``key``
    is what is before the value on its line, such as ``"seed": ``.
    """
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (indent and indent + len(key) + len(line) < _WIDTH):
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        keys = [f"{json.dumps(k, ensure_ascii=False)}: " for k in value]
        parts = [k + on_lines(v, indent + 2, k) for k, v in zip(keys, value.values(), strict=True)]
        parts, (start, end) = list(_filled(parts, _WIDTH - indent - 2)), "{}"
    else:
        parts, (start, end) = [on_lines(v, indent + 2) for v in value], "[]"
    return start + "\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * indent + end


def _filled(parts: list[str], width: int) -> Iterator[str]:
    """The parts of a dict, as many of the short ones on a line as fit, with its comma."""
    line = ""
    for part in parts:
        alone = part.startswith(_CLASS) or "\n" in part
        if line and (alone or len(line) + len(part) + 3 > width):
            yield line
            line = ""
        if alone:
            yield part
        else:
            line = f"{line}, {part}" if line else part
    if line:
        yield line
