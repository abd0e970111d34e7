"""MoCo with intermediate-layer losses for medical images, as MONAI bundles.

Floors, lowest first, and imports run downward only: ``losses`` and ``metrics`` (pure functions), ``networks`` and
``transforms``, ``data``, ``analysis`` and ``figures``, ``engines``, ``handlers``, ``report``, ``cli``. Importing this
package alone imports neither torch nor MONAI.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0.dev0"
_PACKAGES = (
    *("analysis", "data", "demo", "distributed", "engines", "files", "handlers", "losses", "metrics", "networks"),
    *("packaging", "report", "runs", "transforms"),
)
__all__ = ["__version__", *_PACKAGES]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
