"""How the JSON of a bundle is laid out, so that a person can read it. It imports nothing of ours."""

from __future__ import annotations

import json
from typing import Any

_WIDTH = 110  # of a line, with its comma


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
        parts = [inner + k + on_lines(v, indent + 2, k) for k, v in zip(keys, value.values(), strict=True)]
        start, end = "{", "}"
    else:
        parts = [inner + on_lines(v, indent + 2) for v in value]
        start, end = "[", "]"
    return start + "\n" + ",\n".join(parts) + "\n" + " " * indent + end
