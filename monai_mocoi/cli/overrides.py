"""The words of a command: config files, then ``--key value``; each key and value checked against the config."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.cli.config_files import ConfigFiles, read_configs
from monai_mocoi.cli.config_ids import find, has, nearest, normal_id, put, strings
from monai_mocoi.cli.references import referred
from monai_mocoi.cli.value_kinds import ANY, Kinds, check_elements, kinds_of_setting, read_value
from monai_mocoi.errors import UsageError

# Arguments of monai.bundle.run that are no settings. args_file is left out: it would slip settings past the checks.
RUN_ARGUMENTS = ("run_id", "init_id", "final_id", "meta_file", "logging_file", "tracking")
# What MONAI's experiment tracking looks up in the config although no config needs to have it.
_OF_TRACKING = ("output_dir", "tracking_uri", "experiment_name", "run_name", "save_execute_config")
_OF_COMPONENTS: dict[str, Kinds] = {"_disabled_": frozenset({"bool"})}


@dataclass(frozen=True)
class Checked:
    """A command that passed its checks.

    Attributes:
        files: the config files.
        config: the whole config, overrides included.
        overrides: values by id, in the order of the command.
        run_arguments: MONAI's own.
    """

    files: ConfigFiles
    config: dict[str, Any]
    overrides: dict[str, Any]
    run_arguments: dict[str, Any]


def check_command(words: Sequence[str]) -> Checked:
    """Read and check ``CONFIG [CONFIG...] [--key value | --key=value ...]``. It takes no torch and changes nothing.

    Args:
        words: of the command line, behind ``mocoi run``.

    Raises:
        UsageError: one line that says what is wrong and what to write.
    """
    config_files, pairs = _split(words)
    files = read_configs(config_files)
    config = copy.deepcopy(files.config)
    overrides: dict[str, Any] = {}
    run_arguments: dict[str, Any] = {}
    tracking = any(key.replace("-", "_") == "tracking" for key, _ in pairs)
    for key, word in pairs:
        argument = key.replace("-", "_")
        is_argument = argument in RUN_ARGUMENTS and argument not in config
        setting = argument if is_argument else _known(files, config, key, tracking)
        if setting in overrides or setting in run_arguments:
            raise UsageError(f"{setting} is given twice; leave one out")
        if word is None:
            raise UsageError(f"--{key} has no value: write --{key} {_example(files, setting)}")
        if not word.strip():
            raise UsageError(f"the value of {setting} is empty; leave --{key} out to keep its default")
        if is_argument:
            run_arguments[setting] = _run_argument(config, setting, word)
            continue
        value = _value(files, config, setting, word)
        put(config, setting, copy.deepcopy(value))  # a later override may go into it
        overrides[setting] = value
    if (root := _package_of(files)) and config.get("bundle_root") == ".":
        config["bundle_root"] = overrides["bundle_root"] = root
    return Checked(files, config, overrides, run_arguments)


def _package_of(files: ConfigFiles) -> str | None:
    """The folder of a package from whose configs the first one is, unless it is the current folder."""
    config = Path(os.path.abspath(files.files[0]))
    root = config.parent.parent
    is_package = (root / "models" / "model.pt").is_file() and config.parent.name == "configs"
    return os.path.relpath(root) if is_package and not root.samefile(".") else None


def _split(words: Sequence[str]) -> tuple[list[str], list[tuple[str, str | None]]]:
    files: list[str] = []
    pairs: list[tuple[str, str | None]] = []
    for word in words:
        if word.startswith("--"):
            key, sign, value = word[2:].partition("=")
            if not key:
                raise UsageError(f"{word!r} names no setting; write --key value")
            if key.replace("-", "_") == "config_file":
                raise UsageError(
                    "config files are named without --config_file: mocoi run train.json paper.json --key value"
                )
            if key.replace("-", "_") == "args_file":
                raise UsageError("--args_file is not taken; name its settings, or an overlay config that sets them")
            pairs.append((key, value if sign else None))
        elif pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], word)
        elif not pairs:
            files.append(word)
        else:
            raise UsageError(_stray(word, *pairs[-1]))
    return files, pairs


def _stray(word: str, key: str, value: str | None) -> str:
    if word.lower().endswith(".json"):
        return f"{word} stands behind a setting; config files come first: mocoi run train.json {word} --key value"
    text = f"{word!r} belongs to no setting: --{key} has its value {value!r} already. "
    first, second = Path(value or ""), Path(word)
    if first.is_file() and second.is_file() and first.parent == second.parent:  # the shell wrote them out
        folder = f"give the folder: --{key} {first.parent}"
        return f"{text}Where the shell wrote out a pattern such as *{first.suffix}, {folder}"
    return f'{text}Write a list, or a text with spaces, as one word: --{key} "[1, 2]"'


def _known(files: ConfigFiles, config: dict[str, Any], key: str, tracking: bool) -> str:
    """Return the id that the key stands for, dashes or not."""
    written = normal_id(key)
    for setting in (written, written.replace("-", "_")):
        if has(config, setting) or (tracking and setting in _OF_TRACKING):
            return setting
        parent, _, last = setting.rpartition("#")
        if last in _OF_COMPONENTS and has(config, parent) and "_target_" in find(config, parent):
            return setting
    raise UsageError(_unknown(files, config, written))


def _unknown(files: ConfigFiles, config: dict[str, Any], setting: str) -> str:
    text = f"there is no setting {setting} in {files.together}"
    parent, _, last = setting.rpartition("#")
    if parent and has(config, parent):
        there = find(config, parent)
        if isinstance(there, list) and last.isdecimal():
            return f"{text}: {parent} has {len(there)} entries, numbered from 0"
        reference = referred(there) if isinstance(there, str) and there.startswith("@") else []
        if reference and (has(config, f"{reference[0]}#{last}") or last in _OF_COMPONENTS):
            return f"{text}: {parent} is '{there}', so did you mean {reference[0]}#{last}?"
    if found := nearest(config, setting):
        text += f": did you mean {' or '.join(found)}?"
    else:
        text += f"; `mocoi plan {files.given[0]}` lists the settings"
    if parent and has(config, parent) and isinstance(find(config, parent), dict):
        text += (
            f" (an argument that the config does not name can be added by an overlay file: {json.dumps(setting)}: ...)"
        )
    return text


def _value(files: ConfigFiles, config: dict[str, Any], setting: str, word: str) -> Any:
    default = f"{files.together} has {_short(find(config, setting))}" if has(config, setting) else ""
    kinds = _kinds(files, config, setting)
    takes_list = _asks_for_a_list(config, setting)
    try:
        value = read_value(setting, word, kinds, takes_list, default)
    except UsageError as error:
        is_part = isinstance(find(config, setting), dict) if has(config, setting) else False
        if is_part and (found := [name for name in nearest(config, setting) if name != setting and "#" not in name]):
            raise UsageError(f"{setting} is a part of the config, no setting: did you mean {found[0]}?") from error
        raise
    if isinstance(value, list):
        check_elements(setting, value, kinds - {"list"} if takes_list else _element_kinds(files, setting))
    for text in [value] if isinstance(value, str) else strings(value):
        _check_text(config, setting, text)
    return value


def _kinds(files: ConfigFiles, config: dict[str, Any], setting: str) -> Kinds:
    last = setting.rpartition("#")[2]
    if last in _OF_COMPONENTS:
        return _OF_COMPONENTS[last]
    # An id that an earlier override has brought in is in no layer.
    return kinds_of_setting(files.layers if has(files.config, setting) else [config], setting)


def _element_kinds(files: ConfigFiles, setting: str) -> Kinds:
    lists = [find(layer, setting) for layer in files.layers if has(layer, setting)]
    ids = {f"{setting}#{i}" for value in lists if isinstance(value, list) for i in range(len(value))}
    return frozenset().union(*(kinds_of_setting(files.layers, i) for i in ids)) if ids else ANY


def _asks_for_a_list(config: dict[str, Any], setting: str) -> bool:
    """True where the config itself asks whether the setting is a list: then it takes one beside a single value."""
    return any(f"isinstance(@{setting}, list)" in text for text in strings(config))


def _check_text(config: dict[str, Any], setting: str, text: str) -> None:
    for reference in referred(text):
        if not reference.startswith("#") and not has(config, reference):
            hint = f": is @{found[0]} meant?" if (found := nearest(config, reference)) else ""
            raise UsageError(f"{setting}: {text!r} refers to {reference}, which is no setting{hint}")
    if text[:1] not in ("$", "@", "%") and ("#" in text or "::" in text):
        # MONAI writes '#' as '::' in every text of a config, so that a path would quietly become another one.
        raise UsageError(f"{setting}: {text!r} has '#' or '::' in it, which MONAI would change; choose a name without")


def _run_argument(config: dict[str, Any], name: str, word: str) -> Any:
    if name == "logging_file" and word.lower() == "false":
        return False
    if name.endswith("_id"):
        if not has(config, word):
            hint = f": is {' or '.join(found)} meant?" if (found := nearest(config, word)) else ""
            raise UsageError(f"{name} is {word}, which the config does not have{hint}")
    elif not (name == "tracking" and word == "mlflow") and not Path(word).is_file():
        raise UsageError(f"{name}: there is no file {word}")
    return os.fspath(word)


def _example(files: ConfigFiles, setting: str) -> str:
    kinds = kinds_of_setting(files.layers, setting)
    for kind, example in (("bool", "true"), ("int", "3"), ("float", "0.1"), ("list", '"[1, 2]"')):
        if kind in kinds:
            return example
    return "VALUE"


def _short(value: Any, most: int = 60) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= most else text[: most - 3] + "..."
