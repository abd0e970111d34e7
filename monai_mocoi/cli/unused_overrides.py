"""Settings that change nothing: those of a command line would be recorded as used, and are refused."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from monai_mocoi.cli.config_files import ConfigFiles, read_configs
from monai_mocoi.cli.config_ids import strings
from monai_mocoi.errors import SettingsError, UsageError

_STEPS = ("initialize", "run", "finalize")
_REFERENCE = re.compile(r"[@%](\w+)")
OF_GRADIENT: tuple[str, ...] = ("learning_rate", "weight_decay", "max_epochs", "patience", "warmup_steps", "cosine")
OF_GRADIENT += ("accumulation_steps", "max_grad_norm", "crop_area", "checkpoint_every", "keep_checkpoints")
OF_GRADIENT += ("val_interval",)
"""Settings of ``finetune.json`` that only training by gradient uses."""


def refuse_unused(
    files: ConfigFiles, config: Mapping[str, Any], overrides: Mapping[str, Any], steps: Collection[str] = ()
) -> None:
    """Refuse an override that the first config uses, and an overlay does not any more. Raises UsageError.

    What the command line itself replaces does not count: ``--run_dir`` beside ``--output_dir`` may be meant.

    Args:
        files, config: those of the command, and what they are with its overrides.
        overrides: values by the ids that the command line gives.
        steps: ids that are run beside the usual ones.
    """
    if len(files.given) < 2 or not overrides:
        return
    given = {setting.partition("#")[0]: setting for setting in overrides}
    unused = given.keys() - used_names(config, steps) - used_names(files.config, steps)
    if not unused:
        return
    before = read_configs(files.given[:1]).config
    for name in [name for name in given if name in unused & used_names(before, steps)]:
        for place in range(2, len(files.given) + 1):
            now = read_configs(files.given[:place]).config
            if name not in used_names(now, steps):
                break
        own = " and ".join(key for key in _users(before, name) if now.get(key) != before[key]) or "parts"
        raise UsageError(
            f"{given[name]} would change nothing: {files.names[place - 1]} has {own} of its own, in which {name} is "
            f"not used. Leave --{given[name]} out, or change {own}"
        )


def refuse_gradient_only(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    """Refuse an override that only training by gradient uses, where the solver is lbfgs. Raises SettingsError."""
    solver, frozen = config.get("solver"), config.get("trainable") == "head"
    # An expression as finetune.json has it; others are left to the run.
    if solver == "lbfgs" or (frozen and str(solver).startswith("$'lbfgs' if @trainable == 'head'")):
        for name in [name for name in OF_GRADIENT if name in overrides]:
            raise SettingsError(
                f"{name} is {overrides[name]!r}, but solver lbfgs, which fits the linear layer to stored features, "
                f"does not use it: leave --{name} out, or add --solver gradient.",
                name,
                overrides[name],
            )


def used_names(config: Mapping[str, Any], steps: Collection[str] = ()) -> set[str]:
    """Keys at the top level of a config that its steps need; to be recorded in ``settings`` is no use.

    Args:
        config: as read, with its references and expressions.
        steps: ids that are run beside the usual ones.
    """
    used, pending = set[str](), [step.partition("#")[0] for step in (*_STEPS, *steps)]
    while pending:
        name = pending.pop()
        if name != "settings" and name in config and name not in used:
            used.add(name)
            pending += [found for text in strings(config[name]) for found in _REFERENCE.findall(text)]
    return used


def _users(config: Mapping[str, Any], name: str) -> Iterator[str]:
    """Keys that refer to a name themselves."""
    for key, value in config.items():
        if key != "settings" and any(name in _REFERENCE.findall(text) for text in strings(value)):
            yield key
