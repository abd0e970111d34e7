"""How the brightness of a picture is spread, for the report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.transforms.reader import to_channels

BINS = 64

Histogram = NDArray[np.float32]


def histogram(picture: NDArray[np.float32]) -> Histogram:
    """Return the share of pixels in 64 equal steps from 0 (black) to 1 (white); colours as their grey.

    Args:
        picture: (1 or 3, rows, columns), values 0..1.

    Returns:
        (64,) float32, sum 1.
    """
    steps = np.minimum(to_channels(picture, 1).ravel() * BINS, BINS - 1).astype(np.uint8)
    counts = np.bincount(steps, minlength=BINS)
    return (counts / counts.sum()).astype(np.float32)
