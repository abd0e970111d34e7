"""What a measurement is told: how long it may take, where it may write, and its seed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SHIM = "BENCHMARKS_TORCHVISION_SHIM"
"""Names a Python file to import before lightly, where torchvision has no build that goes with this torch."""


@dataclass(frozen=True)
class Options:
    """Options of a measurement.

    Args:
        folder: for temporary files; it is there and empty.
        quick: the smallest form, to see that it runs; its figures say nothing.
        rounds: turns of each side.
        seed: of pictures, weights and draws.
        shim: a Python file, see :data:`SHIM`; None: none.
    """

    folder: Path
    quick: bool = False
    rounds: int = 5
    seed: int = 0
    shim: Path | None = None

    def choose(self, full: T, quick: T) -> T:
        """The one for the full or for the quick form."""
        return quick if self.quick else full


def shim_of_the_environment() -> Path | None:
    """The file that the environment names."""
    return Path(os.environ[SHIM]) if os.environ.get(SHIM) else None
