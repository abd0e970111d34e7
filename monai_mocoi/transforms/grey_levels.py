"""Flattened pictures: 8 bits keep few of the grey levels of a small part of a file's range."""

import numpy as np
from numpy.typing import NDArray

FEW_LEVELS = 64
"""Fewer grey levels than these, of 256, are few."""


def is_flattened(picture: NDArray[np.float32]) -> bool:
    """Tell whether 8 bits leave few of a picture's grey levels, (C, rows, columns) of 0..1, before its size is changed.

    True if rounding to 8 bits leaves fewer than :data:`FEW_LEVELS` values, of all channels together, and rounding to 16
    bits at least twice as many. An 8-bit file has as many in both.
    """
    values = np.asarray(picture, dtype=np.float32)
    # Most pictures show enough levels in every eighth row and column; only of the others each pixel is looked at.
    if _levels(values[:, ::8, ::8], 8) >= FEW_LEVELS:
        return False
    left = _levels(values, 8)
    return left < FEW_LEVELS and _levels(values, 16) >= 2 * left


def _levels(values: NDArray[np.float32], bits: int) -> int:
    """Number of values that are left of those in 0..1 after rounding to so many bits."""
    steps = np.rint(np.clip(values, 0, 1).ravel() * (2**bits - 1)).astype(np.intp)
    return int(np.count_nonzero(np.bincount(steps)))
