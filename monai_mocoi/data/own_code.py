"""The code of functions and classes of no versioned library, told by a digest: it may be edited between two runs."""

import hashlib
from types import CodeType
from typing import Any

_VERSIONED = {"builtins", "monai", "monai_mocoi", "numpy", "PIL", "pydicom", "torch"}
"""Packages whose versions are part of the key that a result is stored under."""


def own_code(value: Any) -> str:
    """Return " code " and a digest of a function's code, or that of a class and its bases; "" if a version tells it."""
    codes: list[str] = []
    for part in value.__mro__ if isinstance(value, type) else (value,):
        if str(part.__module__).partition(".")[0] in _VERSIONED:
            continue
        members = dict(vars(part)) if isinstance(value, type) else {"": part}
        for name, member in sorted(members.items()):
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if (code := getattr(function, "__code__", None)) is not None:
                codes.append(f"{name} {_in_words(code)} {getattr(function, '__defaults__', None)!r}")
    return f" code {hashlib.sha256(repr(codes).encode()).hexdigest()[:16]}" if codes else ""


def _in_words(code: CodeType) -> str:
    """What the code does, without its file and lines."""
    constants = [_in_words(one) if isinstance(one, CodeType) else _constant(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames} {code.co_freevars}"


def _constant(value: Any) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
