"""A word of the command line as the value of a setting: checked against the settings model, or the config's default."""

import ast
import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import StrictBool, StrictInt, StrictStr, TypeAdapter, ValidationError

from monai_mocoi.cli.config_ids import find, has, referred
from monai_mocoi.cli.messages import short
from monai_mocoi.errors import UsageError
from monai_mocoi.runs.setting_ranges import allowed, allowed_in_words, is_expression
from monai_mocoi.runs.setting_types import Number
from monai_mocoi.runs.settings_model import model_of

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PLAIN: dict[type, Any] = {bool: StrictBool, int: StrictInt, float: Number, str: StrictStr, dict: dict[str, Any]}


@dataclass(frozen=True)
class Kind:
    """What a setting takes: a type as pydantic checks it (``Any``: only a run can tell), and the same in words."""

    type: Any
    allowed: str = "another value"

    def takes(self, value: Any) -> bool:
        """Whether a value will do."""
        with suppress(ValidationError):
            TypeAdapter(self.type).validate_python(value)
            return True
        return False


def kind_of(config: dict[str, Any], setting: str, config_name: str) -> Kind:
    """What a setting, or one that an id only refers to, takes: its field in the model, else what is like its value."""
    if setting.endswith("#_disabled_"):
        return Kind(StrictBool, "true or false")
    fields, seen = model_of(config_name).model_fields, {setting}
    while setting not in fields and has(config, setting):
        value = find(config, setting)
        reference = referred(value) if isinstance(value, str) and value.startswith("@") else []
        if not reference or reference[0] in seen:
            like = _like(value)
            words = allowed_in_words(TypeAdapter(like).json_schema())
            return Kind(like, f"{words}, like {short(value)}")
        setting = reference[0]
        seen.add(setting)
    if setting not in fields:
        return Kind(Any)
    field = fields[setting]
    of = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return Kind(of, allowed(setting, config_name))


def _like(value: Any) -> Any:
    if is_expression(value):
        return Any
    if isinstance(value, list):
        kinds = [_like(own) for own in value]
        return list[Any] if Any in kinds or not kinds else list[reduce(or_, kinds)]  # type: ignore[misc]
    return _PLAIN.get(type(value), Any)


def setting_names(config: dict[str, Any]) -> list[str]:
    """The names in a config's ``settings``, as far as it has any."""
    return list(found) if isinstance(found := config.get("settings"), dict) else []


def settings_as_given(config: dict[str, Any]) -> dict[str, Any]:
    """The constants in ``settings`` as they are in a config: a value, or an expression."""
    return {name: config[name] for name in setting_names(config) if name in config}


def read_value(setting: str, word: str, kind: Kind) -> Any:
    """Read a word that is not empty; ``$...``, ``@id`` and ``%id`` stay. A UsageError says what the setting takes."""
    if is_expression(word):
        return word
    for value in _meanings(word):
        if isinstance(value, list) and any(map(is_expression, value)):
            return value
        if kind.takes(value):
            return TypeAdapter(kind.type).validate_python(value)
    text = f"{setting} is {word!r}, but must be {kind.allowed}"
    if word[0] in "[{" and list(_meanings(word)) == [word]:
        raise UsageError(f'{text}; a list or an object is quoted as one word, like "[0.8, 1.0]" or \'{{"a": 1}}\'')
    if meant := _meant(word, kind):
        raise UsageError(f"{text}: write --{setting} {' or '.join(meant)}")
    raise UsageError(text)


def _meanings(word: str) -> Iterator[Any]:
    """What a word may mean, the likeliest first; as a text at last."""
    if word.lower() in ("none", "null"):
        yield None
    elif word.lower() in ("true", "false"):
        yield word.lower() == "true"
    elif _INT.fullmatch(word):
        yield int(word)
    elif _FLOAT.fullmatch(word):
        yield float(word)
    elif word[0] in "[{":
        for read in (json.loads, ast.literal_eval):
            try:
                yield read(word)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
    yield word


def _meant(word: str, kind: Kind) -> list[str]:
    """What to write instead: a percentage as a share, a decimal comma as a point, a whole number near a fraction."""
    pointed = word.replace(",", ".") if word.count(",") == 1 and "." not in word else word
    if word.endswith("%") and _FLOAT.fullmatch(word[:-1].strip()):
        pointed = f"{float(word[:-1]) / 100:g}"
    if not _FLOAT.fullmatch(pointed) or not math.isfinite(number := float(pointed)):
        return []
    if pointed != word and kind.takes(number):
        return [pointed]
    if kind.takes(0.5):  # it need not be whole
        return []
    return [str(n) for n in sorted({math.floor(number), math.ceil(number)}) if kind.takes(n)]
