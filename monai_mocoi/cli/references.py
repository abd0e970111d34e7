"""References in a config's texts, as MONAI reads them: ``@id``, relative ``@#id``, macros ``%id`` and ``%file#id``."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monai_mocoi.cli.config_ids import find, normal_id
from monai_mocoi.errors import UsageError

_REFERENCE = re.compile(r"@(\w*(?:#\w*)*)")
_RELATIVE = re.compile(r"([@%])(#+)")
_FILE_AND_ID = re.compile(r"(.*\.json)(?:#(.*))?", re.IGNORECASE)


def referred(text: str) -> list[str]:
    """Return the ids that a text refers to: those in an expression ``$...``, or the one that the whole text names."""
    text = normal_id(text)
    if text.startswith("$"):
        return _REFERENCE.findall(text)
    whole = _REFERENCE.fullmatch(text)
    return [whole[1]] if whole else []


def substitute(expression: str, name_of: Callable[[str], str]) -> str:
    """Replace each ``@id`` of an expression by what ``name_of(id)`` gives."""
    return _REFERENCE.sub(lambda match: name_of(match[1]), normal_id(expression))


def expand(config: dict[str, Any]) -> dict[str, Any]:
    """Return a copy in which relative ids are absolute and macros are replaced by what they name, once.

    Raises:
        UsageError: a macro's file or id is not there, or a relative id leads out of the config.
    """

    expanded = copy.deepcopy(config)

    def visit(value: Any, setting: str) -> Any:
        # In place, as MONAI does it: a macro finds what stands before it expanded already.
        if isinstance(value, dict | list):
            for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
                value[key] = visit(item, f"{setting}#{key}" if setting else str(key))
        if not isinstance(value, str):
            return value
        value = _absolute(value, setting)
        return _macro(expanded, value, setting) if value.startswith("%") else value

    return visit(expanded, "")


def _absolute(text: str, setting: str) -> str:
    parts = setting.split("#")

    def replace(match: re.Match[str]) -> str:
        sign, levels = match[1], len(match[2])
        if levels > len(parts):
            raise UsageError(f"{setting}: the relative id in {text!r} leads out of the config")
        above = "#".join(parts[:-levels])
        return sign + (f"{above}#" if above else "")

    return _RELATIVE.sub(replace, text.replace("::", "#")) if "#" in text or "::" in text else text


def _macro(config: dict[str, Any], text: str, setting: str) -> Any:
    with_file = _FILE_AND_ID.fullmatch(text[1:])
    source: Any = config
    wanted = text[1:]
    if with_file:
        wanted = with_file[2] or ""
        try:
            source = json.loads(Path(with_file[1]).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{setting}: the file of the macro {text!r} cannot be read as JSON") from error
    try:
        return copy.deepcopy(find(source, wanted) if wanted else source)
    except KeyError as error:
        raise UsageError(f"{setting}: the macro {text!r} names something that is not there") from error
