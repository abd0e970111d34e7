"""Text that may be burned into the pixels: a quick look at the border of the picture.

A name in the pixels survives every change to headers and file names. The look is a screen, no reader of text: it asks
for a line of several thin strokes of one grey value and high contrast, upright and lying, near the border of the
picture. What it finds, misses and takes for text on real images stands in docs/data_steward.md (``python -m
benchmarks.burned_in``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEXT_LIKE = "text-like strokes near the border, may be burned-in text"
"""The reason for leaving a picture out."""

_BORDER = 0.25  # of each side: the middle of the picture is not looked at
_CONTRAST = 30  # of 255, of a stroke against both of its sides
_NEAR, _FAR = 2, 4  # pixels: a side is looked for at these distances, so a stroke has up to about 3 pixels
_BLOCK = 32  # columns
_STROKES = 4  # in a row of two blocks
_ROWS, _OF_ROWS = 4, 7  # so many rows of so many must have them: the height of small letters
_ONE_VALUE = 24  # of 255
_SHARE = 0.45  # of the strokes' pixels that have one value
_LYING = 0.1  # lying strokes beside upright ones, as a share of their pixels
_SCALES = (1, 2, 4)
_MOST = 64  # candidates looked at closely, of each polarity and scale
_SMALLEST = 32


def has_text_like_border(picture: NDArray[np.float32]) -> bool:
    """Tell whether the border of a picture has something like a line of text.

    Text of three letters or more with strokes of 1 to about 12 pixels is looked for, light on dark and dark on light.

    Args:
        picture: (1 or 3, rows, columns) float32, values 0..1, at the size in which it was exported: made smaller,
            strokes become blurred. Sides below 32 pixels have no room for text.
    """
    grey = picture[0] if len(picture) == 1 else picture.mean(0)
    if min(grey.shape) < _SMALLEST:
        return False
    levels = (grey * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return any(
        _has_text(values[::scale, ::scale]) for scale in _SCALES for values in (levels, ~levels) if _room(levels, scale)
    )


def _room(levels: NDArray[np.uint8], scale: int) -> bool:
    return min(levels.shape) >= scale * _SMALLEST


def _has_text(values: NDArray[np.uint8]) -> bool:
    """Look for light text."""
    upright = _strokes(values)
    starts = upright.copy()
    starts[:, 1:] &= ~upright[:, :-1]
    rows, columns = values.shape
    whole = columns // _BLOCK * _BLOCK
    counts = starts[:, :whole].reshape(rows, -1, _BLOCK).sum(2, dtype=np.uint8)
    dense = (counts[:, :-1] + counts[:, 1:] >= _STROKES).astype(np.uint8)  # two blocks side by side
    if not dense.any():
        return False
    tall = np.lib.stride_tricks.sliding_window_view(dense, _OF_ROWS, axis=0).sum(2, dtype=np.uint8) >= _ROWS
    places = np.argwhere(tall).tolist()
    near = [(row, block * _BLOCK) for row, block in places if _in_border(row, block * _BLOCK, rows, columns)]
    step = max(1, len(near) // _MOST)
    return any(_is_text(values, upright, top, left) for top, left in near[::step])


def _strokes(values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels that are lighter than something a few pixels to the left and something a few pixels to the right."""
    found = np.zeros(values.shape, bool)
    floor = np.maximum(values, _CONTRAST) - np.uint8(_CONTRAST)
    columns = values.shape[1]
    left = right = None
    for distance in range(_NEAR, _FAR + 1):
        a = values[:, _FAR - distance : columns - _FAR - distance]
        b = values[:, _FAR + distance : columns - _FAR + distance]
        left = a if left is None else np.minimum(left, a)
        right = b if right is None else np.minimum(right, b)
    inner = floor[:, _FAR : columns - _FAR]
    assert left is not None
    assert right is not None
    found[:, _FAR : columns - _FAR] = (inner > left) & (inner > right)
    return found


def _in_border(top: int, left: int, rows: int, columns: int) -> bool:
    middle_row, middle_column = top + _OF_ROWS // 2, left + _BLOCK
    return not (
        _BORDER * rows < middle_row < (1 - _BORDER) * rows
        and _BORDER * columns < middle_column < (1 - _BORDER) * columns
    )


def _is_text(values: NDArray[np.uint8], upright: NDArray[np.bool_], top: int, left: int) -> bool:
    """Strokes of one value, and lying ones beside the upright ones: edges and grids have one direction."""
    rows = slice(max(0, top - _FAR), top + _OF_ROWS + _FAR)
    columns = slice(left, left + 2 * _BLOCK)
    patch, strokes = values[rows, columns], upright[rows, columns]
    lying = _strokes(np.ascontiguousarray(patch.T)).T
    inked = patch[strokes]
    if len(inked) == 0 or lying.sum() < _LYING * len(inked):
        return False
    counts = np.bincount(inked, minlength=256).cumsum()
    window = counts[_ONE_VALUE:] - np.concatenate(([0], counts[: -_ONE_VALUE - 1]))
    return bool(window.max() >= _SHARE * len(inked))
