"""JSON Schema of the settings: for editors, error texts and the tables in the docs."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from monai_mocoi.runs.setting_types import allowed_in_words
from monai_mocoi.runs.settings_model import model_of

_EXPRESSION = {"type": "string", "pattern": "^[$@%]", "description": "An expression, or a reference to another key."}


@cache
def field_schemas(config_name: str = "") -> Mapping[str, dict[str, Any]]:
    """The JSON Schema of each constant of a config: type, range, choices, ``unit``, description."""
    fields: dict[str, dict[str, Any]] = model_of(config_name).model_json_schema()["properties"]
    for schema in fields.values():
        schema.pop("default", None), schema.pop("title", None)
    return fields


def allowed(name: str, config_name: str = "") -> str:
    """What a constant may be, in words: ``a number above 0 and at most 1 (0.1 is 10 %)``."""
    schema = field_schemas(config_name)[name]
    unit = f" ({schema['unit']})" if "unit" in schema else ""
    example = f", such as {schema['examples'][0]}" if "examples" in schema else ""
    return allowed_in_words(schema) + unit + example


def choices(name: str) -> tuple[Any, ...]:
    """The choices of a constant that has some, in their order."""
    return tuple(field_schemas()[name]["enum"])


def json_schema(config_name: str) -> dict[str, Any]:
    """The JSON Schema of a config file, by its stem such as "train" or "paper", so that an editor checks it.

    Each constant may also be an expression or a reference; other keys are not looked at.
    """
    properties = {
        name: {"description": _described(schema), "anyOf": [_without_words(schema), _EXPRESSION]}
        for name, schema in field_schemas(config_name).items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{config_name}.json",
        "type": "object",
        "properties": properties,
    }


def _described(schema: Mapping[str, Any]) -> str:
    return f"{schema['description']} [{schema['unit']}]" if "unit" in schema else str(schema["description"])


def _without_words(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("description", "unit", "wording")}
