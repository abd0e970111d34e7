"""Image statistics that differ between scanners, stains and export settings."""

import numpy as np
from numpy.typing import NDArray

BLACK, WHITE = 0.02, 0.98


def statistics_of_picture(picture: NDArray[np.floating]) -> dict[str, float]:
    """Measure one picture, (C, rows, columns), values 0..1, C of 1 or 3, at least 3 x 3.

    ``brightness``: mean; ``contrast``: standard deviation over the positions; ``black``, ``white``: shares of pixels at
    most 0.02 and at least 0.98; ``sharpness``: standard deviation of the Laplacian over ``contrast``. Of three channels
    also ``red`` and ``blue``: how much brighter than the picture their means are.
    """
    grey = picture.mean(axis=0, dtype=np.float64)
    contrast = float(grey.std())
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    made = {
        "brightness": float(grey.mean()),
        "contrast": contrast,
        "black": float((grey <= BLACK).mean()),
        "white": float((grey >= WHITE).mean()),
        "sharpness": float(laplacian.std()) / contrast if contrast > 0 else 0.0,
    }
    if len(picture) == 3:
        red, _, blue = picture.mean(axis=(1, 2), dtype=np.float64)
        made |= {"red": float(red - grey.mean()), "blue": float(blue - grey.mean())}
    return made
