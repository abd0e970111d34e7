"""Types of settings, and what they allow in words. Light: pydantic, no torch."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from monai_mocoi.deprecated import current_label_kind

Flag: TypeAlias = StrictBool
Text: TypeAlias = StrictStr
Texts: TypeAlias = list[StrictStr]
Count: TypeAlias = Annotated[StrictInt, Field(ge=1)]
CountFromZero: TypeAlias = Annotated[StrictInt, Field(ge=0)]
_Finite: TypeAlias = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Number: TypeAlias = _Finite
Positive: TypeAlias = Annotated[_Finite, Field(gt=0)]
NotNegative: TypeAlias = Annotated[_Finite, Field(ge=0)]
Unit: TypeAlias = Annotated[_Finite, Field(ge=0, le=1)]
Share: TypeAlias = Annotated[_Finite, Field(gt=0, le=1)]
Percent: TypeAlias = Annotated[_Finite, Field(gt=0, le=100)]
Threshold: TypeAlias = Annotated[_Finite, Field(gt=0, lt=1)]
OfChannels: TypeAlias = Number | Annotated[list[Number], Field(min_length=1)]
_SINGULAR = {"null": "none", "boolean": "true or false", "string": "a text", "integer": "a whole number"}
_SINGULAR |= {"number": "a number", "object": "an object {...}"}
_PLURAL = {"string": "texts", "integer": "whole numbers", "number": "numbers"}
LabelKind: TypeAlias = Annotated[Literal["multilabel", "multiclass"], BeforeValidator(current_label_kind)]
Split: TypeAlias = Literal["training", "validation", "test"]
AnalysisPart: TypeAlias = Literal["reuse", "probing", "ks", "embedding"]


def _rising(values: list[float]) -> list[float]:
    if values != sorted(set(values)):
        raise ValueError("not rising")
    return values


Rising: TypeAlias = Annotated[list[Positive], AfterValidator(_rising), Field(min_length=1)]


def setting(description: str, unit: str = "", **extra: Any) -> Any:
    """A field of a settings model, described in one line.

    The unit is shown behind a number's range. ``extra`` are further parts of its JSON Schema; ``wording`` replaces
    :func:`allowed_in_words`.
    """
    return Field(default=None, description=description, json_schema_extra={"unit": unit, **extra} if unit else extra)


def allowed_in_words(schema: dict[str, Any]) -> str:
    """What a JSON Schema of a setting allows: ``a whole number of 1 or more``."""
    if "wording" in schema:
        return str(schema["wording"])
    if "anyOf" in schema:
        return " or ".join(map(allowed_in_words, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        choices = schema.get("enum", [schema.get("const")])
        return f"one of {', '.join(map(str, choices))}" if len(choices) > 1 else str(choices[0])
    kind = str(schema.get("type"))
    if kind == "array":
        of = schema.get("items", {})
        what = _PLURAL.get(str(of.get("type"))) if "enum" not in of else f"some of {', '.join(map(str, of['enum']))}"
        number = f"{schema['minItems']} " if schema.get("minItems", 0) > 1 else ""
        return f"a list of {number}{what or 'values'}{_limits(of)}"
    return _SINGULAR.get(kind, "any value") + _limits(schema)


def _limits(schema: dict[str, Any]) -> str:
    ends = {"exclusiveMinimum": "above {:g}", "minimum": "of {:g} or more", "maximum": "at most {:g}"}
    ends["exclusiveMaximum"] = "below {:g}"
    found = [words.format(schema[end]) for end, words in ends.items() if end in schema]
    return " " + " and ".join(found) if found else ""
