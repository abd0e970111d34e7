"""What settings may be: the check of their values, and the same as JSON Schema and in words. It imports no torch."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from monai_mocoi.errors import SettingsError
from monai_mocoi.runs.settings_model import AnySettings, model_of

_SINGULAR = {"null": "none", "boolean": "true or false", "string": "a text", "integer": "a whole number"}
_SINGULAR |= {"number": "a number", "object": "an object {...}", "path": "a path"}
_PLURAL = {"string": "texts", "integer": "whole numbers", "number": "numbers", "path": "paths"}
_LIMITS = {"exclusiveMinimum": "above {:g}", "minimum": "of {:g} or more", "maximum": "at most {:g}"}
_LIMITS |= {"exclusiveMaximum": "below {:.10g}"}
_EXPRESSION = {"type": "string", "pattern": "^[$@%]", "description": "An expression, or a reference to another key."}
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

    Names that the model does not have, and expressions, are not looked at. No text shows the name of a file or folder.
    """
    plain = {name: value for name, value in settings.items() if not is_expression(value)}
    try:
        AnySettings.model_validate(plain)
    except ValidationError as error:
        wrong = {str(found["loc"][0]) for found in error.errors(include_url=False)}
        name = next(name for name in plain if name in wrong)
        shown = f"of the type {type(plain[name]).__name__}" if _is_place(field_schemas()[name]) else repr(plain[name])
        raise SettingsError(f"{name} is {shown}, but must be {allowed(name)}.", name, plain[name]) from None
    for name, text in _contradictions(plain):
        raise SettingsError(f"{name} is {plain[name]!r}, but {text}", name, plain[name])


def is_expression(value: Any) -> bool:
    """Whether MONAI would work out a value, or look up what it names."""
    return isinstance(value, str) and value[:1] in ("$", "@", "%")


def _contradictions(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of settings whose values do not go with another's, and why not."""
    for name, wanted in _OF_LBFGS.items() if settings.get("solver") == "lbfgs" else ():
        if settings.get(name, wanted) != wanted:
            yield name, f"solver lbfgs needs {wanted!r}: set it so, or choose the solver gradient."
    method, weights = settings.get("method"), settings.get("stage_weights", ())
    if method == "moco" and weights:
        yield "stage_weights", "method moco has no stage losses: leave it out, or take the bundle of mse or barlow."
    if method in ("mse", "barlow") and weights == []:
        yield "stage_weights", f"method {method} needs 4, such as [1, 1, 1, 1]; without stage losses take that of moco."
    if settings.get("class_weighting") is True and settings.get("balanced_sampling") is True:
        yield "class_weighting", "balanced_sampling is true too, and rare classes would count twice: set one of them."
    if settings.get("grad_cam") is False and settings.get("grad_cam_classes") is not None:
        yield "grad_cam_classes", "grad_cam is false, and nothing is drawn: set grad_cam to true, or leave it out."
    if settings.get("batch_size") == 1 and (where := _norm_of_one_value(settings)):
        text = f"a batch of 1 image has no batch statistics for BatchNorm {where}: set batch_size to 2 or more."
        yield "batch_size", text
    if {"level", "resamples"} <= set(settings):
        from monai_mocoi.metrics import fewest_resamples  # scipy, only where it is needed

        if settings["resamples"] < (fewest := fewest_resamples(settings["level"])):
            yield "resamples", f"an interval of level {settings['level']} needs {fewest} or more."
    sides = [settings[name] for name in ("mean", "std") if name in settings]
    lists = [side for side in sides if isinstance(side, list)]
    if lists and (len(lists) < len(sides) or {*map(len, lists)} != {settings.get("channels", len(lists[0]))}):
        yield "mean" if "mean" in settings else "std", "mean and std must both be one number, or one a channel."


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


@cache
def field_schemas(config_name: str = "") -> Mapping[str, dict[str, Any]]:
    """The JSON Schema of each constant of a config: type, range, choices, ``unit``, description."""
    fields: dict[str, dict[str, Any]] = model_of(config_name).model_json_schema()["properties"]
    for schema in fields.values():
        schema.pop("default", None), schema.pop("title", None)
    return fields


def json_schema(config_name: str) -> dict[str, Any]:
    """The JSON Schema of a config file, by its stem such as "train" or "paper", so that an editor checks it.

    Each constant may also be an expression or a reference; other keys are not looked at.
    """
    properties = {}
    for name, schema in field_schemas(config_name).items():
        unit = f" [{schema['unit']}]" if "unit" in schema else ""
        checked = {key: value for key, value in schema.items() if key not in ("description", "unit", "wording")}
        properties[name] = {"description": schema["description"] + unit, "anyOf": [checked, _EXPRESSION]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{config_name}.json",
        "type": "object",
        "properties": properties,
    }


def allowed(name: str, config_name: str = "") -> str:
    """What a constant may be, in words: ``a number above 0 and at most 1 (0.1 is 10 %)``."""
    schema = field_schemas(config_name)[name]
    unit = f" ({schema['unit']})" if "unit" in schema else ""
    example = f", such as {schema['examples'][0]}" if "examples" in schema else ""
    return allowed_in_words(schema) + unit + example


def allowed_in_words(schema: Mapping[str, Any]) -> str:
    """What a JSON Schema of a setting allows: ``a whole number of 1 or more``."""
    if "wording" in schema:
        return str(schema["wording"])
    if "anyOf" in schema:
        return " or ".join(map(allowed_in_words, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        choices = schema.get("enum", [schema.get("const")])
        return f"one of {', '.join(map(str, choices))}" if len(choices) > 1 else str(choices[0])
    if schema.get("maxItems") == 0:
        return "[]"
    is_list = schema.get("type") == "array"
    of = schema.get("items", {}) if is_list else schema
    kind = of.get("format", of.get("type"))
    limits = " and ".join(words.format(of[end]) for end, words in _LIMITS.items() if end in of)
    if not is_list:
        return f"{_SINGULAR.get(kind, 'any value')} {limits}".rstrip()
    what = f"some of {', '.join(map(str, of['enum']))}" if "enum" in of else _PLURAL.get(kind, "values")
    number = f"{schema['minItems']} " if schema.get("minItems", 0) > 1 else ""
    return f"a list of {number}{what} {limits}".rstrip()


def _is_place(schema: Mapping[str, Any]) -> bool:
    parts = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    return schema.get("format") == "path" or any(map(_is_place, parts))
