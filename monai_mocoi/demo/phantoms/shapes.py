"""Shapes that the drawers share: soft outlines, rods and clouds of smooth noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.floating[Any]]


def softmin(a: Array, b: Array, radius: float) -> Array:
    """Minimum whose corner is rounded over ``radius``."""
    return np.minimum(a, b) - np.maximum(radius - np.abs(a - b), 0) ** 2 / (4 * radius)


def step(depth: Array, width: float) -> Array:
    """0 outside, 1 inside, smooth over ``width`` about the outline."""
    t = np.clip(depth / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def bump(distance: Array, half_width: float) -> Array:
    """Profile of a rod or disc: 1 in the middle, 0 from ``half_width`` on."""
    return np.maximum(1 - (distance / half_width) ** 2, 0)


def cloud(rng: np.random.Generator, cells: int, size: int | tuple[int, int]) -> Array:
    """Smooth noise of a shape, or square, about standard normal, with ``cells`` random values along the longer side."""
    shape = (size, size) if isinstance(size, int) else size
    rows, columns = (max(2, round(cells * side / max(shape))) for side in shape)
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    return np.asarray(Image.fromarray(grid).resize(shape[::-1], Image.Resampling.BICUBIC))
