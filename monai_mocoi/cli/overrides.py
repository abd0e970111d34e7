"""The words of a command: config files, then ``--key value``; each key and value checked against the config."""

import ast
import copy
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.cli.command_words import split_words
from monai_mocoi.cli.config_files import ConfigFiles, read_configs
from monai_mocoi.cli.config_ids import find, has, meant, nearest, normal_id, put, referred, strings, unknown
from monai_mocoi.cli.threads import read_threads
from monai_mocoi.cli.unused_overrides import refuse_gradient_only, refuse_unused
from monai_mocoi.cli.values import kind_of, read_value, settings_as_given
from monai_mocoi.deprecated import current_name, current_value
from monai_mocoi.errors import UsageError
from monai_mocoi.runs.setting_ranges import check_ranges, is_expression

# Arguments of monai.bundle.run that are no settings. args_file is left out: it would slip settings past the checks.
RUN_ARGUMENTS = ("run_id", "init_id", "final_id", "meta_file", "logging_file", "tracking")
# What MONAI's experiment tracking looks up in the config although no config needs to have it.
_OF_TRACKING = ("output_dir", "tracking_uri", "experiment_name", "run_name", "save_execute_config")
_DISABLED = "_disabled_"
_THREADS = "threads"


@dataclass(frozen=True)
class Checked:
    """A command that passed its checks: files, the whole config, values given by id, MONAI's own arguments, threads."""

    files: ConfigFiles
    config: dict[str, Any]
    overrides: dict[str, Any]
    run_arguments: dict[str, Any]
    threads: int | None = None  # to compute with; None: as torch decides

    def check(self) -> None:
        """Refuse (SettingsError) a constant that the config must not have, or (UsageError) one without any effect."""
        check_ranges(settings_as_given(self.config))
        refuse_gradient_only(self.config, self.overrides)
        steps = [str(id) for name, id in self.run_arguments.items() if name.endswith("_id")]
        refuse_unused(self.files, self.config, self.overrides, steps)


def check_command(words: Sequence[str]) -> Checked:
    """Read and check ``CONFIG [CONFIG...] [--key value | --key=value ...]``, without torch; else a UsageError."""
    config_files, pairs = split_words(words)
    files = read_configs(config_files)
    config = copy.deepcopy(files.config)
    overrides, run_arguments = dict[str, Any](), dict[str, Any]()
    tracking = any(key.replace("-", "_") == "tracking" for key, _ in pairs)
    for key, word in pairs:
        argument = key.replace("-", "_")
        is_argument = argument in (*RUN_ARGUMENTS, _THREADS) and argument not in config
        setting = argument if is_argument else _known(files, config, key, tracking)
        if setting in overrides or setting in run_arguments:
            raise UsageError(f"{setting} is given twice; leave one out")
        if word is None:
            raise UsageError(f"--{key} has no value: write --{key} VALUE")
        if not word.strip():
            raise UsageError(f"the value of {setting} is empty; leave --{key} out to keep its default")
        if is_argument:
            run_arguments[setting] = _run_argument(config, setting, word)
            continue
        overrides[setting] = value = _value(config, setting, current_value(setting, word), Path(files.files[0]).stem)
        put(config, setting, copy.deepcopy(value))  # a later override may go into it
    if (root := _package_of(files)) and config.get("bundle_root") == ".":
        config["bundle_root"] = overrides["bundle_root"] = root
    return Checked(files, config, overrides, run_arguments, threads=run_arguments.pop(_THREADS, None))


def _package_of(files: ConfigFiles) -> str | None:
    """The folder of a package from whose configs the first one is, unless it is the current folder."""
    config = Path(os.path.abspath(files.files[0]))
    root = config.parent.parent
    is_package = (root / "models" / "model.pt").is_file() and config.parent.name == "configs"
    return os.path.relpath(root) if is_package and not root.samefile(".") else None


def _known(files: ConfigFiles, config: dict[str, Any], key: str, tracking: bool) -> str:
    """The id that the key stands for, dashes or not."""
    written = normal_id(key)
    for setting in (written, written.replace("-", "_"), current_name(written.replace("-", "_"), config)):
        if has(config, setting) or (tracking and setting in _OF_TRACKING):
            return setting
        parent, _, last = setting.rpartition("#")
        if last == _DISABLED and has(config, parent) and "_target_" in find(config, parent):
            return setting
    raise UsageError("; ".join(unknown(config, written, files.together, files.given[0])))


def _value(config: dict[str, Any], setting: str, word: str, config_name: str) -> Any:
    there = find(config, setting) if has(config, setting) else None
    try:
        value = read_value(setting, word, kind_of(config, setting, config_name))
    except UsageError as error:
        found = [name for name in nearest(config, setting) if name != setting and "#" not in name]
        if isinstance(there, dict) and found:
            raise UsageError(f"{setting} is a part of the config, no setting: did you mean {found[0]}?") from error
        raise
    for text in strings(value):
        _check_text(config, setting, text)
    return value


def _check_text(config: dict[str, Any], setting: str, text: str) -> None:
    for reference in referred(text):
        if not reference.startswith("#") and not has(config, reference):
            hint = meant(config, reference)
            raise UsageError(f"{setting}: {text!r} refers to {reference}, which is no setting{hint}")
    if text.startswith("$"):
        try:
            ast.parse(re.sub(r"@[\w#]*", "_", normal_id(text[1:])))
        except (SyntaxError, ValueError, RecursionError) as error:
            raise UsageError(f"{setting}: {text!r} is no Python expression") from error
    elif not is_expression(text) and ("#" in text or "::" in text):
        # MONAI writes '#' as '::' in every text of a config, so that a path would quietly become another one.
        raise UsageError(f"{setting}: {text!r} has '#' or '::' in it, which MONAI would change; choose a name without")


def _run_argument(config: dict[str, Any], name: str, word: str) -> Any:
    if name == _THREADS:
        return read_threads(word)
    if name == "logging_file" and word.lower() == "false":
        return False
    if name.endswith("_id"):
        if not has(config, word):
            raise UsageError(f"{name} is {word}, which the config does not have{meant(config, word)}")
    elif not (name == "tracking" and word == "mlflow") and not Path(word).is_file():
        raise UsageError(f"{name}: there is no file {word}: name an existing one, or leave --{name} out")
    return word
