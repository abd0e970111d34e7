"""Config files, read and overlaid without MONAI, so that a key that is not there is refused at once."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.cli.bundle_names import find_config, named_as
from monai_mocoi.cli.config_ids import find, has, meant, nearest, normal_id, put, strings
from monai_mocoi.deprecated import instead_of, new_name
from monai_mocoi.errors import UsageError

_SLIP = 0.8  # stricter than for a name that is refused anyway: an overlay may add what it likes
_ROOT_OF_REFERENCE = re.compile(r"[@%](\w+)")


@dataclass(frozen=True)
class ConfigFiles:
    """Config files and what they make together."""

    given: tuple[str, ...]  # the words of the command: paths, or names such as nih_mse/train
    files: tuple[str, ...]  # the paths
    names: tuple[str, ...]  # what to call them in a message: the file's name, or the path where two have the same name
    config: dict[str, Any]  # of all files
    origin: dict[str, int]  # place in ``files`` of the one that sets an id, which is a key of the file at its top level

    @property
    def together(self) -> str:
        """The names in one text: ``train.json and paper.json``."""
        return " and ".join(self.names)


def read_configs(words: Sequence[str]) -> ConfigFiles:
    """Read the files and overlay each on those before it, as ``monai.bundle.ConfigParser`` does.

    A key may be an id (``"train#trainer#max_epochs"``), and ``"+id"`` adds to the object or the list that is there. A
    key that an overlay adds, that nothing refers to and that is nearly the name of a setting, is refused as a slip,
    because MONAI would never look at it. What cannot be read, or does not fit what it overlays, is a UsageError.
    """
    if not words:
        raise UsageError("no config file is named: write, for example, mocoi run nih_mse/train")
    files = tuple(find_config(str(word)) for word in words)
    short = [Path(file).name for file in files]
    names = tuple(name if short.count(name) == 1 else file for name, file in zip(short, files, strict=True))
    config, origin = dict[str, Any](), dict[str, int]()
    for place, (file, name) in enumerate(zip(files, names, strict=True)):
        before, content = set(config), _read(file)
        for key, value in content.items():
            _merge(config, key, value, name)
            origin[normal_id(key.removeprefix("+"))] = place
        if place:
            _refuse_slips(before, config, content, name)
    return ConfigFiles(tuple(map(str, words)), files, names, config, origin)


def _read(file: str) -> dict[str, Any]:
    path = Path(file)
    if not file.strip():
        raise UsageError("a config file's name is empty")
    if not path.exists():
        if gone := instead_of(path.stem):
            raise UsageError(f"there is no {path.name}: {gone}")
        found = sorted(p.name for p in path.parent.glob("*.json") if p.name != "metadata.json")
        hint = f", but its folder has {', '.join(found[:6])}" if found else ""
        if name := named_as(path):
            hint = f": is {name} meant, which works from any folder?"
        raise UsageError(f"there is no config file {file}{hint}")
    if path.is_dir():
        raise UsageError(f"{file} is a folder, not a config file: is {path / 'configs' / 'train.json'} meant?")
    if path.suffix.lower() != ".json":
        raise UsageError(f"{file} is not a .json file: mocoi reads configs in JSON only")
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_repeats)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}; name a config file that you may read") from error
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error
    except json.JSONDecodeError as error:
        raise UsageError(f"{file} is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        reasons = {UnicodeDecodeError: "it is not a UTF-8 text", RecursionError: "it is nested too deep"}
        raise UsageError(f"{file} is not valid JSON: {reasons.get(type(error), str(error))}") from error
    if not isinstance(content, dict):
        raise UsageError(
            f"{file} holds {type(content).__name__}, but a config is an object, {{...}}: name one such as train.json"
        )
    return content


def _without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise UsageError(f"the key {key!r} is twice in one object; remove one of them")
        result[key] = value
    return result


def _merge(config: dict[str, Any], key: str, value: Any, name: str) -> None:
    setting = normal_id(key.removeprefix("+"))
    there = find(config, setting) if key.startswith("+") and has(config, setting) else None
    if isinstance(there, dict) and isinstance(value, dict):
        there.update(value)
    elif isinstance(there, list) and isinstance(value, list):
        there.extend(value)
    elif there is not None:
        raise UsageError(f"{name}: {key} can only add an object to an object, or a list to a list")
    else:
        try:
            put(config, setting, value)
        except KeyError as error:
            text = f"{name} sets {setting}, but the files before it have no such place{meant(config, setting)}"
            raise UsageError(text) from error


def _refuse_slips(before: set[str], after: dict[str, Any], content: dict[str, Any], name: str) -> None:
    used = {root for text in strings(after) for root in _ROOT_OF_REFERENCE.findall(text)}
    for key in content:
        setting = normal_id(key.removeprefix("+"))
        if (new := new_name(setting, before)) is not None:
            raise UsageError(f"{name} sets {setting}, but {setting.partition('#')[0]} is called {new} now: rename it")
        if "#" in setting or setting in before or setting in used:
            continue
        if found := [other for other in nearest({n: after[n] for n in before}, setting, _SLIP) if "#" not in other]:
            raise UsageError(
                f"{name} adds {setting}, which nothing refers to: is {' or '.join(found)} meant? (If the key is a note "
                "for readers, give it another name.)"
            )
