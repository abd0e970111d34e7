"""Check of settings: each against the settings model, and some against each other. It imports no torch."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from monai_mocoi.errors import SettingsError
from monai_mocoi.runs.settings_model import AnySettings
from monai_mocoi.runs.settings_schema import allowed

# What solver lbfgs, which fits a frozen encoder's features once, needs of the others.
_OF_LBFGS = {"trainable": "head", "balanced_sampling": False, "world_size": 1}


def as_flag(name: str, value: bool | str) -> bool:
    """True or false, also as the text "true" or "false" of MONAI's command line; anything else is a SettingsError."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise SettingsError(f"{name} is {value!r}, but must be true or false.", name, value)
    return value


def check_ranges(settings: Mapping[str, Any]) -> None:
    """Refuse (SettingsError) a value that a setting cannot have, and settings that do not go together.

    Names that the model does not have, and expressions, are not looked at.
    """
    plain = {name: value for name, value in settings.items() if not _is_expression(value)}
    try:
        AnySettings.model_validate(plain)
    except ValidationError as error:
        wrong = {str(found["loc"][0]) for found in error.errors(include_url=False)}
        raise refusal(next(name for name in plain if name in wrong), plain) from None
    for name, wanted in _OF_LBFGS.items() if settings.get("solver") == "lbfgs" else ():
        if name in settings and settings[name] != wanted:
            raise SettingsError(
                f"{name} is {settings[name]!r}, but solver lbfgs needs {wanted!r}: set it so, or choose the solver "
                "gradient.",
                name,
                settings[name],
            )
    if settings.get("batch_size") == 1 and (where := _norm_of_one_value(settings)):
        raise SettingsError(
            f"batch_size is 1, but a batch of 1 image has no batch statistics for BatchNorm {where}: set batch_size to "
            "2 or more.",
            "batch_size",
            1,
        )


def refusal(name: str, settings: Mapping[str, Any]) -> SettingsError:
    """The error for a setting whose value the model does not allow."""
    return SettingsError(f"{name} is {settings[name]!r}, but must be {allowed(name)}.", name, settings[name])


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("$", "@", "%")


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
