"""The code of functions and classes of no versioned library, told by a digest: it may be edited between two runs."""

import hashlib
import inspect
import sys
from types import CodeType
from typing import Any

_VERSIONED = {*sys.stdlib_module_names, "monai", "monai_mocoi", "numpy", "PIL", "pydicom", "torch"}
"""Modules whose versions are part of the key that a result is stored under."""


def own_code(value: Any) -> str:
    """Return " code " and a digest of a function's code, or that of a class and its bases; "" if a version tells it.

    Of a class its constants count too, and of a function its defaults; of objects among them only their class.
    """
    told: list[str] = []
    for part in value.__mro__ if isinstance(value, type) else (value,):
        if str(part.__module__).partition(".")[0] in _VERSIONED:
            continue
        for name, member in sorted(vars(part).items()) if isinstance(value, type) else [("", part)]:
            function = _function(member)
            if (code := getattr(function, "__code__", None)) is not None:
                given = [getattr(function, kind, None) for kind in ("__defaults__", "__kwdefaults__")]
                given += [getattr(member, kind, None) for kind in ("args", "keywords")]  # of a partial one
                told.append(f"{name} {_in_words(code)} {_constant(given)}")
            elif not name.startswith("__"):
                told.append(f"{name} {_constant(member)}")
    return f" code {hashlib.sha256(repr(told).encode()).hexdigest()[:16]}" if told else ""


def _function(member: Any) -> Any:
    """The function behind a property, a class method, a partial one, or a decorator that names what it wraps."""
    for way in ("fget", "__func__", "func"):
        member = getattr(member, way, None) or member
    return inspect.unwrap(member) if callable(member) else member


def _in_words(code: CodeType) -> str:
    """What the code does, without its file and lines."""
    constants = list(map(_constant, code.co_consts))
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames} {code.co_freevars}"


def _constant(value: Any) -> str:
    """A value in the same words in any process: no address, no order of a set."""
    if isinstance(value, CodeType):
        return _in_words(value)
    if isinstance(value, dict):
        return repr(sorted((repr(key), _constant(own)) for key, own in value.items()))
    if isinstance(value, (set, frozenset)):
        return repr(sorted(map(_constant, value)))
    if isinstance(value, (list, tuple)):
        return repr(list(map(_constant, value)))
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)
    return f"{type(value).__module__}.{type(value).__qualname__}"
