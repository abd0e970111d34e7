"""Types of settings. Light: pydantic, no torch."""

import os
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from monai_mocoi.deprecated import current_label_kind


def _text_of_path(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _no_look_alike(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError("equal to a whole number, but none")
    return value


def _rising(values: list[float]) -> list[float]:
    if values != sorted(set(values)):
        raise ValueError("not rising")
    return values


def _in_order(values: list[float]) -> list[float]:
    if values != sorted(values):
        raise ValueError("not the smaller first")
    return values


Flag: TypeAlias = StrictBool
Text: TypeAlias = StrictStr
Texts: TypeAlias = list[StrictStr]
Place: TypeAlias = Annotated[StrictStr, BeforeValidator(_text_of_path), Field(json_schema_extra={"format": "path"})]
"""A file or a folder. What is given may name a person, so that no error shows it."""
Places: TypeAlias = Place | list[Place] | None
Count: TypeAlias = Annotated[StrictInt, Field(ge=1)]
CountFromZero: TypeAlias = Annotated[StrictInt, Field(ge=0)]
Seed: TypeAlias = Annotated[StrictInt, Field(ge=0, lt=2**32)]
Number: TypeAlias = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Positive: TypeAlias = Annotated[Number, Field(gt=0)]
NotNegative: TypeAlias = Annotated[Number, Field(ge=0)]
Unit: TypeAlias = Annotated[Number, Field(ge=0, le=1)]
Share: TypeAlias = Annotated[Number, Field(gt=0, le=1)]
Percent: TypeAlias = Annotated[Number, Field(gt=0, le=100)]
Inside: TypeAlias = Annotated[Number, Field(gt=0, lt=1)]
OfChannels: TypeAlias = Number | Annotated[list[Number], Field(min_length=1)]
PositiveOfChannels: TypeAlias = Positive | Annotated[list[Positive], Field(min_length=1)]
Rising: TypeAlias = Annotated[list[Positive], Field(min_length=1), AfterValidator(_rising)]
Range: TypeAlias = Annotated[list[Share], Field(min_length=2, max_length=2), AfterValidator(_in_order)]
OfStages: Any = Field(min_length=4, max_length=4)
Empty: TypeAlias = Annotated[list[Any], Field(max_length=0)]
NotEmpty: Any = Field(min_length=1)
LabelKind: TypeAlias = Annotated[Literal["multilabel", "multiclass"], BeforeValidator(current_label_kind)]
Split: TypeAlias = Literal["training", "validation", "test"]
AnalysisPart: TypeAlias = Literal["reuse", "probing", "ks", "embedding"]
Exactly: Any = BeforeValidator(_no_look_alike)
"""Beside a ``Literal`` with numbers: ``True`` and ``1.0`` are no 1."""


def setting(description: str, unit: str = "", **extra: Any) -> Any:
    """A field of a settings model, in one line; the unit is shown behind a number's range.

    ``extra`` are further parts of its JSON Schema; ``wording`` replaces what the type allows in words.
    """
    return Field(default=None, description=description, json_schema_extra={"unit": unit, **extra} if unit else extra)
