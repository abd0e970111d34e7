"""What kind of value a setting takes, told from its default; and a word of the command line read as such a value."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from monai_mocoi.cli.config_ids import find, normal_id
from monai_mocoi.cli.expressions import parse_expression
from monai_mocoi.cli.references import referred, substitute
from monai_mocoi.errors import UsageError
from monai_mocoi.runs.setting_ranges import has_numbers_and_words, least_whole_number

Kinds = frozenset[str]
"""Some of "int", "float", "bool", "text", "list", "object", "null", and "any" for what only a run can tell."""

ANY: Kinds = frozenset({"any"})
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "text": "a text",
    "list": "a list such as [1,2]",
    "object": "an object {...}",
    "null": "none",
}
_RESULT_OF = {
    "str": "text", "repr": "text", "format": "text", "os.getenv": "text", "os.path.join": "text",
    "os.path.abspath": "text", "os.path.basename": "text", "os.path.dirname": "text", "os.path.expanduser": "text",
    "int": "int", "len": "int", "float": "float", "bool": "bool", "isinstance": "bool", "any": "bool", "all": "bool",
    "list": "list", "sorted": "list", "dict": "object",
}  # fmt: skip
_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def kinds_of_setting(layers: Sequence[dict[str, Any]], setting: str) -> Kinds:
    """Tell the kinds that a setting takes: those of its defaults in all layers together.

    A setting that is a list in ``train.json`` and null in its overlay ``paper.json`` so takes both. One that may be a
    word or one of some numbers (``cache_bits``, ``stage``) takes both, too.

    Args:
        layers: the config after each file.
        setting: an id.
    """
    kinds = _kinds_at(layers, normal_id(setting), frozenset())
    return kinds | {"int", "text"} if has_numbers_and_words(setting) else kinds


def _kinds_at(layers: Sequence[dict[str, Any]], setting: str, seen: frozenset[str]) -> Kinds:
    if setting in seen:
        return ANY  # a circle; the evaluator names it
    found: set[str] = set()
    for layer in layers:
        try:
            value = find(layer, setting)
        except KeyError:
            continue
        found |= _kinds_of(value, lambda other: _kinds_at(layers, normal_id(other), seen | {setting}))
    return frozenset(found) or ANY


def _kinds_of(value: Any, kinds_at: Callable[[str], Kinds]) -> Kinds:
    if isinstance(value, str):
        if value.startswith("$"):
            return _kinds_of_expression(value[1:], kinds_at)
        if value.startswith("%"):
            return ANY
        reference = referred(value)
        return kinds_at(reference[0]) if reference else frozenset({"text"})
    return frozenset({_kind(value)})


def _kind(value: Any) -> str:
    for kind, of_type in (("null", type(None)), ("bool", bool), ("int", int), ("float", float), ("list", list)):
        if isinstance(value, of_type):
            return kind
    return "object" if isinstance(value, dict) else "text"


def _kinds_of_expression(expression: str, kinds_at: Callable[[str], Kinds]) -> Kinds:
    try:
        tree, names = parse_expression(expression)
    except ValueError:
        return ANY

    def kinds(node: ast.expr) -> Kinds:
        if isinstance(node, ast.Constant):
            return frozenset({_kind(node.value)})
        if isinstance(node, ast.Name) and node.id in names:
            return kinds_at(names[node.id])
        if isinstance(node, ast.IfExp):
            return kinds(node.body) | kinds(node.orelse)
        if isinstance(node, ast.BoolOp):
            return frozenset().union(*map(kinds, node.values))
        if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
            return frozenset({"bool"})
        if isinstance(node, ast.UnaryOp):
            return kinds(node.operand)
        if isinstance(node, ast.BinOp):
            return _kinds_of_operation(node.op, kinds(node.left), kinds(node.right))
        if isinstance(node, ast.JoinedStr):
            return frozenset({"text"})
        if isinstance(node, ast.List | ast.Tuple | ast.ListComp):
            return frozenset({"list"})
        if isinstance(node, ast.Dict):
            return frozenset({"object"})
        if isinstance(node, ast.Call):
            function = ast.unparse(node.func)
            if function in ("min", "max", "abs") and node.args:
                return frozenset().union(*map(kinds, node.args))
            if function == "monai_mocoi.networks.of_encoder" and node.args:
                return kinds(node.args[-1])  # the default
            return frozenset({_RESULT_OF.get(function, "any")})
        return ANY

    return kinds(tree)


def _kinds_of_operation(operator: ast.operator, left: Kinds, right: Kinds) -> Kinds:
    both = left | right
    if isinstance(operator, ast.Add) and "text" in both:
        return frozenset({"text"})
    if isinstance(operator, ast.Div):
        return frozenset({"float"})
    numbers = both - {"null", "bool"}
    if numbers and numbers <= {"int", "float"}:
        return frozenset({"float" if "float" in numbers else "int"})
    return ANY


def read_value(setting: str, word: str, kinds: Kinds, takes_list: bool = False, default: str = "") -> Any:
    """Read a word of the command line as a value that the setting takes.

    Args:
        setting: its id, for the error.
        word: as it was typed, not empty. ``$...``, ``@id`` and ``%id`` are handed on as they are.
        kinds: what the setting takes.
        takes_list: where it takes a number or a text, a list of them will do too.
        default: what the config says, for the error.

    Returns:
        an int, float, bool, text, list or dict, or None. Whole numbers are given as float where the setting is a
        fraction.

    Raises:
        UsageError: the word is no such value.
    """
    unknown = "any" in kinds or kinds == {"null"}
    if word[0] in "@%":
        return word
    if word[0] == "$":
        return _checked_expression(setting, word)
    lower = word.lower()
    if lower in ("none", "null") and (unknown or "null" in kinds):
        return None
    if lower in ("true", "false") and (unknown or "bool" in kinds):
        return lower == "true"
    if _INT.fullmatch(word) and (unknown or kinds & {"int", "float"}):
        return int(word) if unknown or "int" in kinds else float(word)
    if _FLOAT.fullmatch(word) and (unknown or "float" in kinds):
        number = float(word)
        if not math.isfinite(number):
            raise UsageError(f"{setting} is {word}, which is too large a number")
        return number
    for opening, kind, of_type in (("[", "list", list), ("{", "object", dict)):
        if word[0] == opening and (unknown or kind in kinds or (takes_list and kind == "list")):
            return _literal(setting, word, of_type)
    if word.lower().lstrip("+-") in ("nan", "inf", "infinity") and "text" not in kinds:
        raise UsageError(f"{setting} is {word}, which is no finite number")
    if "text" in kinds or unknown:
        return word
    raise UsageError(_refusal(setting, word, kinds, default))


def _refusal(setting: str, word: str, kinds: Kinds, default: str) -> str:
    wanted = [_WORDS[kind] for kind in _WORDS if kind in kinds and not (kind == "int" and "float" in kinds)]
    text = f"{setting} must be {' or '.join(wanted) or 'another value'}"
    if "float" in kinds and (number := _number_meant(word)):
        return f"{text}, not {word!r}: write --{setting} {number}"
    text += f" ({default}), not {word!r}" if default else f", not {word!r}"
    if _FLOAT.fullmatch(word) and "int" in kinds and (whole := _whole_numbers_near(setting, float(word))):
        text += f": write --{setting} {' or '.join(map(str, whole))}"
    elif _FLOAT.fullmatch(word) and "int" in kinds:
        text += f". If a fraction is meant all the same, write --{setting} '${word}'"
    elif word.lower() in ("none", "null"):
        text += f". If nothing is meant all the same, write --{setting} '$None'"
    return text


def _number_meant(word: str) -> str | None:
    """A percentage as a share, a decimal comma as a point; None: it is neither."""
    if word.endswith("%") and _FLOAT.fullmatch(word[:-1].strip()):
        return f"{float(word[:-1]) / 100:g}"
    pointed = word.replace(",", ".")
    return pointed if word.count(",") == 1 and "." not in word and _FLOAT.fullmatch(pointed) else None


def _whole_numbers_near(setting: str, number: float) -> list[int]:
    """Those to write instead; none where a fraction may be meant, for the config's default happens to be whole."""
    least = least_whole_number(setting.rpartition("#")[2])
    if not math.isfinite(number) or (least is None and not number.is_integer()):
        return []
    near = {math.floor(number), math.ceil(number)}
    return sorted({max(n, least) for n in near} if least is not None else near)


def _checked_expression(setting: str, word: str) -> str:
    try:
        ast.parse(substitute(word[1:], lambda _: "_setting"), mode="exec")
    except (SyntaxError, ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "it cannot be read"
        raise UsageError(f"{setting}: {word!r} is no Python expression ({reason})") from error
    return word


def _literal(setting: str, word: str, of_type: type) -> Any:
    try:
        value = json.loads(word)
    except ValueError:
        try:
            value = ast.literal_eval(word)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            example = '"[0.8, 1.0]"' if of_type is list else "'{\"name\": 1}'"
            raise UsageError(
                f"{setting}: {word!r} cannot be read; write it like {example}, quoted as one word"
            ) from error
    if not isinstance(value, of_type):
        raise UsageError(f"{setting}: {word!r} cannot be read as {'a list' if of_type is list else 'an object'}")
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{setting}: {word!r} holds something that is no number, text, true, false or none") from error


def check_elements(setting: str, value: list[Any], kinds: Kinds) -> None:
    """Refuse a list whose elements are of another kind than those of the default.

    Args:
        setting: its id, for the error.
        value: the list.
        kinds: of the default's elements; "any", and elements that are lists or objects, are not looked at.

    Raises:
        UsageError: names the first wrong element.
    """
    if not kinds or kinds & {"any", "list", "object"}:
        return
    for place, element in enumerate(value):
        kind = _kind(element)
        if isinstance(element, str) and element[:1] in ("$", "@", "%"):
            continue
        if kind not in kinds and not (kind == "int" and "float" in kinds):
            raise UsageError(_refusal(f"{setting}#{place}", json.dumps(element), kinds, ""))
