"""What a config's constants come to, as far as it can be told without torch, and without running any code of it.

MONAI hands ``$...`` to Python's ``eval``. Here the expression is read as a syntax tree, and only what is listed below
is worked out; anything else (a call of torch's, an object that a ``_target_`` makes) is left for the run to decide.
"""

from __future__ import annotations

import ast
import operator
import os
from collections.abc import Callable
from typing import Any

from monai_mocoi.cli.config_ids import find, normal_id
from monai_mocoi.cli.expressions import parse_expression
from monai_mocoi.cli.references import expand, referred
from monai_mocoi.errors import UsageError
from monai_mocoi.networks.known_images import of_encoder
from monai_mocoi.runs.product_names import analysis_name, evaluation_name

_FORMS = ("", "d", "g", "s")  # without a width, for no plan fills the memory
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "str": str, "int": int, "float": float, "bool": bool, "len": len, "min": min, "max": max, "abs": abs, "sum": sum,
    "round": round, "list": list, "isinstance": isinstance, "os.path.join": os.path.join,
    "os.path.basename": os.path.basename, "os.path.dirname": os.path.dirname, "os.path.isfile": os.path.isfile,
    "monai_mocoi.networks.of_encoder": of_encoder, "monai_mocoi.runs.evaluation_name": evaluation_name,
    "monai_mocoi.runs.analysis_name": analysis_name,
    "format": lambda value, form: format(value, form) if form in _FORMS else _refuse(),
}  # fmt: skip
_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "tuple": tuple, "dict": dict}
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}  # fmt: skip
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
_LONGEST = 10_000  # of a text or list that is repeated, and of an exponent: no plan takes a minute


class Undecided(Exception):
    """Only a run can tell.

    Attributes:
        expression: what it will work out, as the config has it.
    """

    def __init__(self, expression: str) -> None:
        super().__init__(f"only a run can tell: {expression}")
        self.expression = expression


class Evaluator:
    """Works out the values of a config.

    Args:
        config: the whole one.

    Raises:
        UsageError: a macro or a relative id names nothing.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = expand(config)
        self._known: dict[str, Any] = {}

    def value(self, setting: str) -> Any:
        """Return the value at an id.

        Raises:
            Undecided: it depends on something that only a run can tell.
            UsageError: it cannot be worked out at all: it refers to nothing, or in a circle, or divides by 0.
        """
        return self._at(normal_id(setting), ())

    def _at(self, setting: str, waiting: tuple[str, ...]) -> Any:
        if setting in waiting:
            raise UsageError(f"{setting} refers to itself: {' -> '.join([*waiting, setting])}")
        if setting not in self._known:
            try:
                raw = find(self.config, setting)
            except KeyError as error:
                who = f"{waiting[-1]} refers to {setting}, which" if waiting else setting
                raise UsageError(f"{who} is no setting") from error
            self._known[setting] = self._of(raw, (*waiting, setting))
        return self._known[setting]

    def _of(self, raw: Any, waiting: tuple[str, ...]) -> Any:
        if isinstance(raw, dict):
            if "_target_" in raw:
                raise Undecided(str(raw["_target_"]))
            return {key: self._of(value, waiting) for key, value in raw.items()}
        if isinstance(raw, list):
            return [self._of(value, waiting) for value in raw]
        if not isinstance(raw, str):
            return raw
        if raw.startswith("$"):
            return self._expression(raw, waiting)
        reference = referred(raw)
        return self._at(reference[0], waiting) if reference else raw

    def _expression(self, raw: str, waiting: tuple[str, ...]) -> Any:
        try:
            tree, names = parse_expression(raw[1:])
        except ValueError as error:
            raise UsageError(f"{waiting[-1]}: {raw!r} is no Python expression") from error
        try:
            return _work_out(tree, lambda name: self._at(names[name], waiting) if name in names else None, names)
        except _Unlisted:
            raise Undecided(raw[1:]) from None
        except (ArithmeticError, TypeError, ValueError, LookupError) as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"{waiting[-1]}: {raw!r} cannot be worked out: {error}") from error


class _Unlisted(Exception):
    """The expression has a part that is not worked out here."""


def _refuse() -> str:
    raise _Unlisted


def _work_out(node: ast.expr, setting: Callable[[str], Any], names: dict[str, str]) -> Any:
    def work_out(part: ast.expr) -> Any:
        return _work_out(part, setting, names)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name(id=name) if name in names:
            return setting(name)
        case ast.IfExp():
            return work_out(node.body if work_out(node.test) else node.orelse)
        case ast.BoolOp():
            for part in node.values:
                value = work_out(part)
                if bool(value) is isinstance(node.op, ast.Or):
                    break
            return value
        case ast.UnaryOp() if type(node.op) in _SIGNS:
            return _SIGNS[type(node.op)](work_out(node.operand))
        case ast.BinOp():
            return _operate(node.op, work_out(node.left), work_out(node.right))
        case ast.Compare():
            left = work_out(node.left)
            for comparison, part in zip(node.ops, node.comparators, strict=True):
                right = work_out(part)
                if not _COMPARISONS[type(comparison)](left, right):
                    return False
                left = right
            return True
        case ast.List() | ast.Tuple():
            values = [work_out(part) for part in node.elts]
            return values if isinstance(node, ast.List) else tuple(values)
        case ast.Dict() if all(key is not None for key in node.keys):
            return {work_out(k): work_out(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}
        case ast.Subscript() if not isinstance(node.slice, ast.Slice):
            return work_out(node.value)[work_out(node.slice)]
        case ast.JoinedStr():
            return "".join(str(work_out(part)) for part in node.values)
        case ast.FormattedValue(conversion=-1, format_spec=None):
            return work_out(node.value)
        case ast.Call():
            return _call(node, work_out)
    raise _Unlisted


def _operate(kind: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(kind, ast.Mult):
        lengths = [len(side) for side in (left, right) if isinstance(side, str | list | tuple)]
        counts = [side for side in (left, right) if isinstance(side, int)]
        if lengths and counts and lengths[0] * counts[0] > _LONGEST:
            raise _Unlisted
        return left * right
    if isinstance(kind, ast.Pow):
        if any(isinstance(side, int | float) and abs(side) > _LONGEST for side in (left, right)):
            raise _Unlisted
        return left**right
    if type(kind) not in _OPERATIONS or (isinstance(kind, ast.Mod) and isinstance(left, str)):
        raise _Unlisted
    return _OPERATIONS[type(kind)](left, right)


def _call(node: ast.Call, work_out: Callable[[ast.expr], Any]) -> Any:
    function = ast.unparse(node.func)
    if function not in _FUNCTIONS or node.keywords or any(isinstance(part, ast.Starred) for part in node.args):
        raise _Unlisted
    if function != "isinstance":
        return _FUNCTIONS[function](*map(work_out, node.args))
    if len(node.args) != 2:
        raise _Unlisted
    kinds = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else [node.args[1]]
    if not all(isinstance(kind, ast.Name) and kind.id in _TYPES for kind in kinds):
        raise _Unlisted
    return isinstance(work_out(node.args[0]), tuple(_TYPES[kind.id] for kind in kinds if isinstance(kind, ast.Name)))
