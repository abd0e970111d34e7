"""The settings of a plan: each constant as it comes out, and what changed it."""

from collections.abc import Iterator
from typing import Any

from monai_mocoi.cli.config_ids import find, referred
from monai_mocoi.cli.overrides import Checked
from monai_mocoi.cli.plan_rows import AT_RUN_TIME, Row, in_words
from monai_mocoi.cli.resolved_config import ResolvedConfig, Undecided
from monai_mocoi.cli.values import short

# Shown beside the names in ``settings``, which leaves out what differs from machine to machine.
_PLACES = (
    *("dataset_dir", "output_dir", "overwrite", "resume", "pretrained", "label_ids"),
    *("finetuned", "few_labels", "all_labels", "all_labels_again"),
)
_STEPS = ("imports", "initialize", "run", "finalize")


def settings_rows(checked: Checked, config: ResolvedConfig) -> Iterator[Row]:
    """The constants in the config's order, and those that are in ``settings`` alone."""
    base = ResolvedConfig(checked.files.files[:1])
    for name in _constants(checked.config):
        value = _shown(config, name)
        before = _shown(base, name) if base.has(name) else None
        source = _source(checked, name)
        if not source and before is not None and before != value:
            source = "follows"
        was = "" if before in (None, value) else f", was {before}"
        yield name, value, f"{source}{was}" if source else ""
    for name in _settings(checked.config):
        if name not in checked.config:
            yield name, _shown(config, f"settings#{name}"), ""


def changed_rows(checked: Checked, config: ResolvedConfig) -> Iterator[Row]:
    """What overlays and the command line changed that is no constant."""
    constants = set(_constants(checked.config))
    changed = {setting: checked.files.names[place] for setting, place in checked.files.origin.items() if place > 0}
    changed |= dict.fromkeys(checked.overrides, "command line")
    for setting, source in changed.items():
        if setting.partition("#")[0] not in constants:
            value = find(checked.config, setting)
            is_part = isinstance(value, dict) and "_target_" in value
            yield setting, str(value["_target_"]) if is_part else short(in_words(value)), source


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    return names if isinstance(names := config.get("settings"), dict) else {}


def _constants(config: dict[str, Any]) -> list[str]:
    """Names of the constants in the config's order."""
    wanted = {*_settings(config), *_PLACES}
    if not _settings(config):
        return [name for name, value in config.items() if not isinstance(value, dict | list) and name not in _STEPS]
    return [name for name in config if name in wanted and name != "settings"]


def _shown(config: ResolvedConfig, name: str) -> str:
    """A value, or what it will be worked out from."""
    try:
        return in_words(config.value(name))
    except Undecided:
        raw = find(config.raw, name)
        others = dict.fromkeys(referred(raw)) if isinstance(raw, str) else ()
        return f"{AT_RUN_TIME}, from {', '.join(others)}" if others else AT_RUN_TIME


def _source(checked: Checked, name: str) -> str:
    """Name what changed a constant, or a part of it, last; empty for the first file."""
    if any(_concerns(setting, name) for setting in checked.overrides):
        return "command line"
    places = [place for setting, place in checked.files.origin.items() if _concerns(setting, name)]
    return checked.files.names[max(places)] if places and max(places) > 0 else ""


def _concerns(setting: str, name: str) -> bool:
    return setting == name or setting.startswith(f"{name}#")
