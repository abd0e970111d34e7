"""Ids of settings, as MONAI writes them: ``train#trainer#max_epochs`` or ``train::trainer::max_epochs``.

The parts are keys of objects or, in a list, indices from 0. What is here is what a refusal needs before MONAI is
imported; all else asks ``monai.bundle.ConfigParser``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

_REFERENCE = re.compile(r"@(\w*(?:#\w*)*)")
_NEAR = 0.6  # difflib's own default
_NEAR_CONSTANT = 0.75


def normal_id(setting: str) -> str:
    """Return the id with ``#`` between its parts."""
    return setting.replace("::", "#")


def find(config: Any, setting: str) -> Any:
    """Return what the config has at an id.

    Raises:
        KeyError: there is nothing.
    """
    for part in normal_id(setting).split("#"):
        if isinstance(config, list) and part.isdecimal() and int(part) < len(config):
            config = config[int(part)]
        elif isinstance(config, dict) and part in config:
            config = config[part]
        else:
            raise KeyError(setting)
    return config


def has(config: Any, setting: str) -> bool:
    """Say whether the config has something at an id."""
    try:
        find(config, setting)
    except KeyError:
        return False
    return True


def put(config: Any, setting: str, value: Any) -> None:
    """Set a value, in place; a key that its object lacks is added.

    Raises:
        KeyError: the parent is not there, is neither object nor list, or the list has no such index.
    """
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


def nearest(config: Any, setting: str, least: float = _NEAR) -> list[str]:
    """Find the settings that were probably meant.

    A candidate that only refers to a constant (``"momentum": "@sgd_momentum"``) stands for that constant.

    Args:
        config: to look in.
        setting: the id that it does not have.
        least: how alike the ids, or the last parts of them, must be: 0 (anything) to 1 (the same), by difflib.

    Returns:
        up to three ids, the best first. For a name without ``#`` constants alone, if there are any that are near or
        begin with it: ``dataset`` means ``dataset_dir``, not ``train#dataset``.
    """
    wanted = normal_id(setting).replace("-", "_")
    leaf = wanted.rpartition("#")[2]
    best: dict[str, tuple[float, int]] = {}
    for name, value in walk(config):
        own_leaf = name.rpartition("#")[2]
        if own_leaf.isdecimal() and not leaf.isdecimal():
            continue
        near = max(_likeness(wanted, name), _likeness(leaf, own_leaf))
        if near < least:
            continue
        if isinstance(value, str) and value.startswith("@") and has(config, value[1:]):
            name, near = normal_id(value[1:]), near - 0.03  # what is called so itself is nearer
        best[name] = max(best.get(name, (0.0, 0)), (near, -name.count("#")))
    if "#" not in wanted and (likely := {n: s for n, s in best.items() if _is_constant_near(config, n, wanted)}):
        best = likely
    ranked = sorted(best, key=lambda name: best[name], reverse=True)
    # A name that is clearly nearer than the others stands alone: a list of weak guesses would only confuse.
    found = [name for name in ranked if best[name][0] > best[ranked[0]][0] - 0.02]
    constants = [] if "#" in wanted else [name for name in found if "#" not in name]
    return (constants or found)[:3]


def _is_constant_near(config: Any, name: str, wanted: str) -> bool:
    if "#" in name or isinstance(config.get(name), dict):
        return False
    return _likeness(wanted, name) >= _NEAR_CONSTANT or name.startswith(f"{wanted}_")


def _likeness(a: str, b: str) -> float:
    matcher = difflib.SequenceMatcher(None, a, b)
    return matcher.ratio() if matcher.real_quick_ratio() >= _NEAR and matcher.quick_ratio() >= _NEAR else 0.0
