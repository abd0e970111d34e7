"""Checks of what every metric takes: a wrong shape, or a value that is not a number, is refused and never averaged."""

from typing import Any

import numpy as np


def _refuse(values: np.ndarray, bad: np.ndarray, name: str, demand: str) -> None:
    if bad.any():
        row, *column = (int(i) for i in np.argwhere(bad)[0])
        where = f"row {row}" + "".join(f", column {i}" for i in column)
        raise ValueError(f"the {name} hold {values[bad][0]} in {where}; {demand}")


def check_scores(scores: Any, name: str = "scores") -> np.ndarray:
    """Return finite scores ``(n,)`` or ``(n, columns)`` as float64.

    ValueError: another number of dimensions; or NaN or infinity, with row and column (counted from 0).
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim not in (1, 2):
        raise ValueError(f"the {name} have shape {scores.shape}; expected (images,) or (images, columns)")
    _refuse(scores, ~np.isfinite(scores), name, "each must be a finite number")
    return scores


def check_labels(labels: Any, shape: tuple[int, ...], name: str = "labels") -> np.ndarray:
    """Return labels 0 or 1 of the given shape as bool.

    ValueError: another shape; or a value other than 0 and 1, with row and column (counted from 0).
    """
    labels = np.asarray(labels)
    if labels.shape != shape:
        raise ValueError(f"the {name} have shape {labels.shape} but {shape} was expected, one row an image")
    _refuse(labels, (labels != 0) & (labels != 1), name, "each must be 0 or 1")
    return labels.astype(bool)


def check_weights(weights: Any, n: int) -> np.ndarray:
    """Return weights of ``n`` images as float64; None is 1 for each.

    ValueError: not one weight an image, or one that is negative or not finite.
    """
    if weights is None:
        return np.ones(n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,):
        raise ValueError(f"the weights have shape {weights.shape} but ({n},) was expected, one an image")
    _refuse(weights, ~(np.isfinite(weights) & (weights >= 0)), "weights", "each must be a finite number, 0 or more")
    return weights
