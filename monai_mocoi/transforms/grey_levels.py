"""Whether 8 bits a value flatten a picture that uses a small part of the range that its file declares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEW_LEVELS = 64
"""Fewer grey levels than these, of 256, are few."""


def is_flattened(picture: NDArray[np.float32]) -> bool:
    """Tell whether 8 bits leave few of a picture's grey levels.

    Args:
        picture: array or tensor (C, rows, columns), values 0..1, before its size is changed: what scaling puts between
            the levels of an 8-bit file is no content of it.

    Returns:
        True if rounding to 8 bits leaves fewer than :data:`FEW_LEVELS` values, of all channels together, and rounding
        to 16 bits at least twice as many. An 8-bit file has as many in both.
    """
    values = np.clip(np.asarray(picture, dtype=np.float32), 0, 1).ravel()

    def levels(bits: int) -> int:
        return int(np.count_nonzero(np.bincount(np.rint(values * (2**bits - 1)).astype(np.intp))))

    left = levels(8)
    return left < FEW_LEVELS and levels(16) >= 2 * left
