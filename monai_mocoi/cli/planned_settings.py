"""Settings of a planned step: those that its command gives, worked out as ``mocoi plan`` does it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.cli.linear_words import NOT_RECORDED, OF_EVALUATION, LinearCommand, check_linear
from monai_mocoi.cli.overrides import Checked, check_command
from monai_mocoi.cli.resolved_config import ResolvedConfig, Undecided
from monai_mocoi.cli.values import setting_names
from monai_mocoi.errors import StudyError
from monai_mocoi.runs.settings import plain

OF_THE_STUDY = "runs/"
"""Begins the paths that the study itself writes, seen from its folder."""
_OF_LINEAR = {"--fractions", "--draws", "--evaluation", "--test", "--out"}


def planned_settings(words: Sequence[str], folder: Path) -> dict[str, Any]:
    """What a run of a planned command records, as plain values; ``folder``: of the study.

    Of ``mocoi linear`` also ``evaluation``. Raises MocoiError: it cannot be worked out.
    """
    _, command, *rest = words
    placed = placed_words(rest, folder)
    if command != "linear":
        return plain(_settings(check_command(placed)))
    linear = checked_linear(placed)
    settings = {name: value for name, value in _settings(linear.finetune).items() if name not in NOT_RECORDED}
    evaluate = ResolvedConfig(linear.evaluate.files.files, linear.evaluate.overrides)
    return plain({**settings, "evaluation": {name: evaluate.get(name) for name in OF_EVALUATION}})


def placed_words(words: Sequence[str], folder: Path) -> list[str]:
    """Words of a command with the paths of the study as they are from here."""
    return [str(folder / word) if word.startswith(OF_THE_STUDY) else word for word in words]


def checked_linear(words: Sequence[str]) -> LinearCommand:
    """The words of ``mocoi linear`` in a plan."""
    own, rest = {}, []
    pending = iter(words)
    for word in pending:
        if word in _OF_LINEAR:
            own[word] = next(pending)
        else:
            rest.append(word)
    return check_linear(rest, own["--fractions"], own["--draws"], own.get("--evaluation"))


def _settings(checked: Checked) -> dict[str, Any]:
    config = ResolvedConfig(checked.files.files, checked.overrides)
    try:
        return {name: config.value(f"settings#{name}") for name in setting_names(config.raw)}
    except Undecided as undecided:
        raise StudyError(f"{undecided} cannot be worked out before the run: give it a value.") from undecided
