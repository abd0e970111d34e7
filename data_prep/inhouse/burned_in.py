"""Detect text that may be burned into the pixels, near the border of a picture.

This is a screen, not a reader of text: it looks for a line of several thin strokes of one grey value and high contrast,
upright and lying. docs/data_steward.md has what it finds and misses on real images (``benchmarks.burned_in``).
"""

import numpy as np
from numpy.typing import NDArray

_BORDER = 0.25  # of each side: the middle of the picture is not looked at
_CONTRAST = 30  # of 255, of a stroke against both of its sides
_NEAR, _FAR = 2, 4  # pixels: a side is looked for at these distances, so a stroke has up to about 3 pixels
_BLOCK = 32  # columns
_STROKES = 4  # in a row of two blocks
_ROWS, _OF_ROWS = 4, 7  # 4 of 7 rows must have them: the height of small letters
_ONE_VALUE = 24  # of 255
_SHARE = 0.45  # of the strokes' pixels that have one value
_LYING = 0.1  # lying strokes beside upright ones, as a share of their pixels
_SCALES = (1, 2, 4)
_MOST = 64  # candidates looked at closely, of each polarity and scale
_SMALLEST = 32


def has_text_like_border(picture: NDArray[np.float32]) -> bool:
    """Tell whether the border of a picture has something like a line of text: light on dark, or dark on light.

    It looks for three letters or more with strokes of 1 to about 12 pixels. The picture, (1 or 3, rows, columns) in
    0..1, must have the size in which it was exported: made smaller, strokes become blurred.
    """
    grey = picture[0] if len(picture) == 1 else picture.mean(0)
    if min(grey.shape) < _SMALLEST:
        return False
    levels = (grey * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    scales = [scale for scale in _SCALES if min(levels.shape) >= scale * _SMALLEST]
    return any(_has_text(values[::scale, ::scale]) for scale in scales for values in (levels, ~levels))


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
    middle_rows, middle_columns = ((_BORDER * side, (1 - _BORDER) * side) for side in values.shape)
    near = [
        (row, block * _BLOCK)
        for row, block in np.argwhere(tall).tolist()
        if not middle_rows[0] < row + _OF_ROWS // 2 < middle_rows[1]
        or not middle_columns[0] < (block + 1) * _BLOCK < middle_columns[1]
    ]
    step = max(1, len(near) // _MOST)
    return any(_is_text(values, upright, top, left) for top, left in near[::step])


def _strokes(values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels that are lighter than something a few pixels to the left and something a few pixels to the right."""
    found = np.zeros(values.shape, bool)
    floor = np.maximum(values, _CONTRAST) - np.uint8(_CONTRAST)
    columns = values.shape[1]
    found[:, _FAR : columns - _FAR] = True
    for side in (-1, 1):
        shifts = [side * distance for distance in range(_NEAR, _FAR + 1)]
        darkest = values[:, _FAR + shifts[0] : columns - _FAR + shifts[0]]
        for shift in shifts[1:]:
            darkest = np.minimum(darkest, values[:, _FAR + shift : columns - _FAR + shift])
        found[:, _FAR : columns - _FAR] &= floor[:, _FAR : columns - _FAR] > darkest
    return found


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
