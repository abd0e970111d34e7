"""Recorded settings of a step, beside those that its planned command gives."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from monai_mocoi.errors import MocoiError
from monai_mocoi.runs.same_settings import MAY_DIFFER
from monai_mocoi.study import Node

SettingsOf = Callable[[Sequence[str], Path], Mapping[str, Any]]
"""All settings, as plain values, of a command in a study's folder; a MocoiError where they cannot be worked out."""
_FREE = MAY_DIFFER - {"max_epochs", "val_interval"}  # of a run that is continued these may change, not of a plan
_FIRST = ("$", "@")  # letters that an expression begins with
_BESIDE = {"components"}  # in config.json, but no setting


def other_settings(recorded: Any, step: Node, root: Path, settings_of: SettingsOf | None) -> str:
    """Which of the settings is not as its first command gives it, bundle and defaults included; empty: none.

    Settings of which nothing learnt depends are compared only where the command gives their value.
    """
    if not isinstance(recorded, Mapping):
        return f"{step.run_dir} does not record its settings"
    if settings_of is None:
        return f"the settings that are planned for {step.run_dir} were not worked out"
    try:
        planned = settings_of(step.commands[0], root)
    except MocoiError:
        return f"the settings that are planned for {step.run_dir} cannot be worked out here"
    free = _FREE - _given(step.commands[0])
    for name, value in planned.items():
        if name not in free and name not in recorded:
            return f"{step.run_dir} does not record its {name}"
        if name not in free and recorded[name] != value:
            return f"{step.run_dir} was made with another {name}"
    further = sorted(recorded.keys() - planned.keys() - _BESIDE)
    return f"{step.run_dir} was made with {further[0]}, which its planned command does not have" if further else ""


def read_json(path: Path) -> Any:
    """The content of a file; None: it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _given(words: Sequence[str]) -> set[str]:
    """Names of the settings whose value a command gives; what an expression comes to differs between machines."""
    pairs = pairwise(words)
    return {word[2:] for word, value in pairs if word.startswith("--") and not value.startswith(_FIRST)}
