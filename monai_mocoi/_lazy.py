"""Lazy public names (PEP 562), so that importing a package of ours does not import torch or MONAI.

Each package's ``__init__`` calls :func:`attach` with the table of its modules and their public names; a module is
imported when one of its names is first asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def attach(
    package: str, exports: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Build the ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        package: the package's ``__name__``.
        exports: public names by the module of the package that defines them.

    Returns:
        the three objects, in the order named above.

    Raises:
        ValueError: a module and a public name are called the same.
    """
    origin = {name: module for module, names in exports.items() for name in names}
    clashing = sorted(origin.keys() & exports.keys())
    if clashing:  # once the module is imported, the name would mean the module
        raise ValueError(f"{package}: {clashing} are names of modules and of what is in them; rename one of each.")

    def __getattr__(name: str) -> Any:
        if name in origin:
            return getattr(importlib.import_module(f"{package}.{origin[name]}"), name)
        if name in exports:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    names = sorted(origin)
    return __getattr__, lambda: sorted({*names, *exports}), names
