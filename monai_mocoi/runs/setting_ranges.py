"""What the constants of a config may be. Without torch: ``mocoi plan`` refuses what the run would refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from monai_mocoi.errors import SettingsError
from monai_mocoi.networks.stage_choice import STAGES_AND_ALL

_CHOICES: dict[str, tuple[Any, ...]] = {
    "precision": ("auto", "float32", "bf16", "fp16"),
    "head": ("linear", "mlp", "mlp_bn"),
    "decode_fit": ("crop", "pad", "stretch", "trim", "fundus", "fundus_any"),
    "stage_kind": ("map", "vector"),
    "intensity": ("declared", "picture", "percentiles"),
    "cache_bits": ("auto", 8, 16),
    "on_bad_image": ("stop", "skip"),
    "on_collapse": ("stop", "warn"),
    "trainable": ("all", "head"),
    "stage": STAGES_AND_ALL,
    "solver": ("lbfgs", "gradient"),
    "validation_labels": ("same", "all"),
    "metric": ("macro_auc", "macro_average_precision", "macro_f1"),
    "split": ("training", "validation", "test"),
    "kernel": ("linear", "rbf"),
    "pooling": ("vector", "map"),
    "interval": ("bca", "percentile"),
}
# True or false, and nothing else: Python would take a text such as "no" for true.
_FLAGS = {
    *("demo", "cosine", "channels_last", "zero_init_residual", "mask_own_image", "mask_own_patient", "compile"),
    *("stage_normalize", "class_weighting", "balanced_sampling", "grad_cam", "grad_cam_positive"),
    "recalibrate",
}
# Whole numbers, and the least of each.
_AT_LEAST = {
    **dict.fromkeys(("seed", "num_workers", "warmup_steps", "label_seed", "worst_errors", "probe_every"), 0),
    **dict.fromkeys(("image_size", "decode_size", "batch_size", "accumulation_steps", "max_epochs", "patience"), 1),
    "max_images": 1,
    **dict.fromkeys(("val_interval", "checkpoint_every", "keep_checkpoints", "watch_every", "check_every"), 1),
    **dict.fromkeys(("resamples", "min_positives", "min_negatives"), 1),
    **dict.fromkeys(("plot_every", "head_hidden", "embedding_size", "queue_size", "bn_splits", "world_size"), 1),
}
# Numbers: from, to, and whether the lower end itself will do.
_WITHIN = {
    "max_bad_share": (0.0, 1.0, True),
    "ema_momentum": (0.0, 1.0, True),
    "sgd_momentum": (0.0, 1.0, True),
    "queue_max_share": (0.0, 1.0, False),
    "label_fraction": (0.0, 1.0, False),
    "level": (0.0, 1.0, False),
    "unusual_limit": (0.0, 100.0, False),
    "temperature": (0.0, float("inf"), False),
    "learning_rate": (0.0, float("inf"), False),
    "learning_rate_per_256": (0.0, float("inf"), False),
    "weight_decay": (0.0, float("inf"), True),
    "max_grad_norm": (0.0, float("inf"), False),
}
PARTS = ("reuse", "probing", "ks", "embedding")
"""Of an analysis."""
# Lists: what each is a list of, an example, what one of it may be, and whether there may be none.
_LISTS: dict[str, tuple[str, str, Callable[[Any], bool], bool]] = {
    **dict.fromkeys(
        ("target_sensitivity", "target_specificity"),
        ("numbers above 0 and at most 1", "[0.1, 0.9]", lambda own: _is_number(own) and 0 < own <= 1, True),
    ),
    "decision_thresholds": (
        "numbers above 0 and below 1", "[0.1, 0.9]", lambda own: _is_number(own) and 0 < own < 1, True,
    ),
    "probe_fractions": (
        "numbers above 0 and at most 1", "[0.01, 0.1, 1]", lambda own: _is_number(own) and 0 < own <= 1, False,
    ),
    "probe_seeds": (
        "whole numbers of 0 or more", "[1, 2, 3]", lambda own: _is_number(own) and own >= 0 and own % 1 == 0, False,
    ),
    "age_bands": ("rising years above 0", "[18, 40, 60, 80]", lambda own: _is_number(own) and own > 0, False),
    "parts": (f"some of {', '.join(PARTS)}", "['reuse', 'ks']", lambda own: own in PARTS, False),
}  # fmt: skip
# What solver lbfgs, which fits a frozen encoder's features once, needs of the others.
_OF_LBFGS = {"trainable": "head", "balanced_sampling": False, "world_size": 1}
_MAY_BE_NOTHING = {"patience", "queue_max_share", "max_grad_norm", "decision_thresholds", "max_images", "parts"}


def least_whole_number(name: str) -> int | None:
    """The least that a setting may be which must be a whole number; None: it need not be one, or is not known here."""
    return _AT_LEAST.get(name)


def has_numbers_and_words(name: str) -> bool:
    """Whether a setting is one of some choices that are whole numbers and words: ``stage`` 1 to 4 or "all"."""
    return {type(choice) for choice in _CHOICES.get(name, ())} == {int, str}


def as_flag(name: str, value: bool | str) -> bool:
    """True or false, also where MONAI's command line hands it on as the text "true" or "false".

    Args:
        name: of the setting, for the error.
        value: what was given.

    Raises:
        SettingsError: it is neither.
    """
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise SettingsError(f"{name} is {value!r}, but must be true or false.")
    return value


def check_ranges(settings: Mapping[str, Any]) -> None:
    """Refuse a value that a setting cannot have.

    Args:
        settings: names and values; names that are not known here, and what is no number where one is wanted, are left
            to the part that uses them.

    Raises:
        SettingsError: names the setting, its value and what it may be; it has no effect with the solver chosen; or a
            batch of one image leaves a BatchNorm without statistics.
    """
    for name, value in settings.items():
        if value is None and name in _MAY_BE_NOTHING:
            continue
        number = _is_number(value)
        if name in _CHOICES and value not in _CHOICES[name]:
            raise SettingsError(f"{name} is {value!r}; choose one of {', '.join(map(str, _CHOICES[name]))}.")
        if name in _AT_LEAST and number and (value < _AT_LEAST[name] or value != int(value)):
            raise SettingsError(f"{name} is {value}, but must be a whole number of {_AT_LEAST[name]} or more.")
        if name in _WITHIN and number:
            low, high, closed = _WITHIN[name]
            if not (low <= value <= high) or (value == low and not closed):
                span = f"above {low:g}" if not closed else f"{low:g} or more"
                upper = "" if high == float("inf") else f" and at most {high:g}"
                example = " (0.1 is 10 %)" if name == "label_fraction" else ""
                raise SettingsError(f"{name} is {value}, but must be {span}{upper}{example}.")
        if name in _LISTS:
            _check_list(name, value)
        if name in _FLAGS and not isinstance(value, bool):
            raise SettingsError(f"{name} is {value!r}, but must be true or false.")
    for name, wanted in _OF_LBFGS.items() if settings.get("solver") == "lbfgs" else ():
        if name in settings and settings[name] != wanted:
            raise SettingsError(
                f"{name} is {settings[name]!r}, but solver lbfgs needs {wanted!r}: set it so, or choose --solver "
                "gradient."
            )
    if settings.get("batch_size") == 1 and (where := _norm_of_one_value(settings)):
        raise SettingsError(
            f"batch_size is 1, but a batch of 1 image has no batch statistics for BatchNorm {where}: set batch_size to "
            "2 or more."
        )


def _check_list(name: str, value: Any) -> None:
    what, example, will_do, may_be_empty = _LISTS[name]
    if isinstance(value, str) and value.startswith(("$", "@")):
        return  # worked out later
    several = value if isinstance(value, list | tuple) else [value] if name == "parts" else None
    fits = several is not None and all(will_do(own) for own in several) and (may_be_empty or len(several) > 0)
    if several is None or not fits or (name == "age_bands" and list(several) != sorted(set(several))):
        raise SettingsError(f'{name} is {value!r}, but must be a list of {what}, as one word: "{example}".')


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _norm_of_one_value(settings: Mapping[str, Any]) -> str | None:
    """Where a batch of one image gives a BatchNorm that learns a single value a channel; None: nowhere."""
    stage = 4
    if "solver" in settings:  # fine-tuning; the features of a frozen encoder are computed in eval mode
        if settings["solver"] != "gradient" or settings.get("trainable") == "head":
            return None
        stage = 4 if settings.get("stage") == "all" else settings.get("stage", 4)
    elif settings.get("head") == "mlp_bn" or "barlow_features" in settings:
        return "in the heads"
    elif "head" not in settings:
        return None
    size, largest = settings.get("image_size"), 2 ** (stage + 1)  # the map of a stage is 1/2^(stage + 1) of the image
    if not isinstance(size, int) or size > largest:
        return None
    return f"in maps of 1 x 1 (stage {stage}, images of {largest} pixels or smaller)"
