"""The words of ``mocoi linear``, checked before torch is imported."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.cli.overrides import Checked, check_command
from monai_mocoi.cli.unused_overrides import OF_GRADIENT
from monai_mocoi.cli.values import settings_as_given
from monai_mocoi.errors import UsageError
from monai_mocoi.runs.setting_ranges import check_ranges

_SET_BY_OPTIONS = {"label_fraction": "--fractions", "label_seed": "--draws", "trainable": "mocoi linear itself"}
_SET_BY_OPTIONS |= {"run_dir": "--out", "resume": "the same command", "label_ids": "--fractions and --draws"}
OF_EVALUATION: tuple[str, ...] = ("interval", "level", "resamples", "seed", "min_positives", "min_negatives")
OF_EVALUATION += ("age_bands", "recalibrate", "target_sensitivity", "target_specificity", "decision_thresholds")
OF_EVALUATION += ("subgroups",)
"""Settings of ``evaluate.json`` that ``linear.json`` has as its ``evaluation``."""
NOT_RECORDED = ("label_fraction", "label_seed", "device", "num_workers", "max_epochs")
"""Settings of ``finetune.json`` that ``linear.json`` leaves out: they may differ, or are of one evaluation."""


@dataclass(frozen=True)
class LinearCommand:
    """The words of a command, checked: of ``finetune.json``, of ``evaluate.json``, fractions and draws."""

    finetune: Checked
    evaluate: Checked
    fractions: tuple[float, ...]
    draws: tuple[int, ...]

    def unused(self) -> list[str]:
        """Settings that were given, but that no linear evaluation uses; a study gives them for its fine-tunings."""
        of_finetune = [name for name in OF_GRADIENT if name in self.finetune.overrides]
        return of_finetune + [name for name in self.evaluate.overrides if name not in OF_EVALUATION]


def check_linear(words: Sequence[str], fractions: str, draws: str, evaluation: str | None = None) -> LinearCommand:
    """Check a command without torch, as ``mocoi run`` does. Raises UsageError and SettingsError."""
    numbers = _list("fractions", fractions, float, "[1.0, 0.1]"), _list("draws", draws, int, "[1, 2, 3]")
    for word in words:
        name = word[2:].partition("=")[0].replace("-", "_") if word.startswith("--") else ""
        if name in _SET_BY_OPTIONS:
            raise UsageError(f"{name} is set by {_SET_BY_OPTIONS[name]}: leave --{name} out")
    first = f"--label_fraction={numbers[0][0]!r}", f"--label_seed={numbers[1][0]}"
    finetune = check_command([*words, "--trainable=head", *first])
    if name := next(iter(finetune.run_arguments), ""):
        raise UsageError(f"{name} is an argument of mocoi run: leave --{name} out")
    if finetune.config.get("solver") == "gradient":
        solver = " --solver gradient" if "solver" in finetune.overrides else ""
        raise UsageError(
            "solver is gradient, but mocoi linear fits by lbfgs: leave it out, or train each fraction and draw by "
            f"mocoi run {' '.join(finetune.files.given)} --trainable head{solver}"
        )
    for fraction in numbers[0]:
        for draw in numbers[1]:
            check_ranges({**settings_as_given(finetune.config), "label_fraction": fraction, "label_seed": draw})
    given = _object(evaluation)
    beside = Path(finetune.files.files[0]).with_name("evaluate.json")
    tested = (f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items())
    evaluate = check_command([str(beside), *tested])
    evaluate.check()
    return LinearCommand(finetune, evaluate, *numbers)


def _list(name: str, word: str, kind: type, example: str) -> tuple[Any, ...]:
    try:
        values = json.loads(word)
    except ValueError:
        values = None
    values = values if isinstance(values, list) else [values]
    if not values or not all(type(value) in (int, kind) for value in values) or len(set(values)) < len(values):
        raise UsageError(f'--{name} is {word!r}, but must be a list without repeats, as one word: "{example}"')
    return tuple(kind(value) for value in values)


def _object(word: str | None) -> dict[str, Any]:
    try:
        values = json.loads(word or "{}")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise UsageError(f"--evaluation is {word!r}, but must be settings of evaluate.json: '{{\"resamples\": 500}}'")
    return values
