"""Ids of settings, as MONAI writes them: ``train#trainer#max_epochs`` or ``train::trainer::max_epochs``.

The parts are keys of objects or, in a list, indices from 0. Here is what a refusal needs before MONAI is imported.
"""

import difflib
import json
import re
from collections.abc import Iterator
from typing import Any

from monai_mocoi.deprecated import instead_of

_REFERENCE = re.compile(r"@(\w*(?:#\w*)*)")


def normal_id(setting: str) -> str:
    """The id with ``#`` between its parts."""
    return setting.replace("::", "#")


def find(config: Any, setting: str) -> Any:
    """Return what the config has at an id; a KeyError where there is nothing."""
    for part in normal_id(setting).split("#"):
        if isinstance(config, list) and part.isdecimal() and int(part) < len(config):
            config = config[int(part)]
        elif isinstance(config, dict) and part in config:
            config = config[part]
        else:
            raise KeyError(setting)
    return config


def has(config: Any, setting: str) -> bool:
    """Whether the config has something at an id."""
    try:
        find(config, setting)
    except KeyError:
        return False
    return True


def put(config: Any, setting: str, value: Any) -> None:
    """Set a value, in place; an object gets a key that it lacks, but without its parent or index it is a KeyError."""
    parent, _, last = normal_id(setting).rpartition("#")
    holder = find(config, parent) if parent else config
    if isinstance(holder, dict):
        holder[last] = value
    elif isinstance(holder, list) and last.isdecimal() and int(last) < len(holder):
        holder[int(last)] = value
    else:
        raise KeyError(setting)


def walk(config: Any, setting: str = "") -> Iterator[tuple[str, Any]]:
    """Give every id of the config and what is there, parents first."""
    if isinstance(config, dict | list):
        for key, value in config.items() if isinstance(config, dict) else enumerate(config):
            below = f"{setting}#{key}" if setting else str(key)
            yield below, value
            yield from walk(value, below)


def strings(config: Any) -> Iterator[str]:
    """Give every text value of the config."""
    return (value for _, value in walk([config]) if isinstance(value, str))


def referred(text: str) -> list[str]:
    """Return the ids that a text refers to: those in an expression ``$...``, or the one that the whole text names."""
    text = normal_id(text)
    if text.startswith("$"):
        return _REFERENCE.findall(text)
    whole = _REFERENCE.fullmatch(text)
    return [whole[1]] if whole else []


def nearest(config: Any, setting: str, least: float = 0.6) -> list[str]:
    """Up to three settings that were probably meant by an id that the config does not have, the best first.

    A candidate that only refers to a constant (``"momentum": "@sgd_momentum"``) means that constant. For a name without
    ``#`` they are constants, if any are near or begin with it: ``dataset`` means ``dataset_dir``. The last parts of the
    ids must be alike by ``least``: 0 (anything) to 1 (the same), by difflib.
    """
    wanted = normal_id(setting).replace("-", "_")
    if "#" not in wanted:
        constants = [name for name, value in config.items() if not isinstance(value, dict)]
        begun = [name for name in constants if name.startswith(f"{wanted}_")]
        if found := _close(wanted, begun, 0) or _close(wanted, constants, max(least, 0.75)):
            return found
    ids: dict[str, list[str]] = {}
    for name, value in walk(config):
        is_alias = isinstance(value, str) and value.startswith("@") and has(config, value[1:])
        ids.setdefault(name.rpartition("#")[2], []).append(normal_id(str(value)[1:]) if is_alias else name)
    parent, _, leaf = wanted.rpartition("#")
    found = [id for part in _close(leaf, list(ids), least) for id in ids[part]]
    same_parent = [id for id in found if parent and id.startswith(f"{parent}#")]
    return list(dict.fromkeys(same_parent + sorted(found, key=lambda id: id.count("#"))))[:3]


def _close(word: str, names: list[str], least: float) -> list[str]:
    """Those nearest to a word: one that is clearly nearer stands alone, because weak guesses would only confuse."""
    found = difflib.get_close_matches(word, names, cutoff=least)
    likeness = [difflib.SequenceMatcher(None, name, word).ratio() for name in found]
    return [name for name, own in zip(found, likeness, strict=True) if own > likeness[0] - 0.02]


def meant(config: Any, setting: str) -> str:
    """``: is stage meant?``: what to put behind a text about an id that the config does not have; may be empty."""
    return f": is {' or '.join(found)} meant?" if (found := nearest(config, setting)) else ""


def unknown(config: Any, setting: str, files: str, first: str) -> Iterator[str]:
    """Say, in parts, that a config lacks an id, and what may be meant. ``files``: in words; ``first``: as given."""
    text = f"there is no setting {setting} in {files}"
    parent, _, last = setting.rpartition("#")
    there = find(config, parent) if parent and has(config, parent) else None
    reference = referred(there)[:1] if isinstance(there, str) else []
    if instead := instead_of(setting.replace("-", "_")):
        yield f"{text}: {instead}"
    elif isinstance(there, list) and last.isdecimal():
        yield f"{text}: {parent} has {len(there)} entries, numbered from 0"
    elif reference and (has(config, f"{reference[0]}#{last}") or last == "_disabled_"):
        yield f"{text}: {parent} is '{there}', so did you mean {reference[0]}#{last}?"
    else:
        found = nearest(config, setting)
        yield f"{text}: did you mean {' or '.join(found)}?" if found else text
        if not found:
            yield f"`mocoi plan {first}` lists the settings"
    if isinstance(there, dict):
        yield f"an argument that the config does not name can be added by an overlay file: {json.dumps(setting)}: ..."
