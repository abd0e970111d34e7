"""What every metric accepts, checked once: a wrong shape or a value that is no number is refused, never averaged."""

from __future__ import annotations

from typing import Any

import numpy as np

UNKNOWN = -1
"""In labels that may be unknown: that of an image of which nobody said whether it has the finding."""


def _refuse(values: np.ndarray, bad: np.ndarray, name: str, demand: str) -> None:
    if bad.any():
        row, *column = (int(i) for i in np.argwhere(bad)[0])
        where = f"row {row}" + "".join(f", column {i}" for i in column)
        raise ValueError(f"the {name} hold {values[bad][0]} in {where}; {demand}")


def check_scores(scores: Any, name: str = "scores") -> np.ndarray:
    """Finite scores as float64.

    Args:
        scores: ``(n,)`` or ``(n, columns)``, one row an image.
        name: what the error calls them.

    Raises:
        ValueError: another number of dimensions, or NaN or infinity, with row and column (counted from 0).
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim not in (1, 2):
        raise ValueError(f"the {name} have shape {scores.shape}; expected (images,) or (images, columns)")
    _refuse(scores, ~np.isfinite(scores), name, "each must be a finite number")
    return scores


def check_labels(labels: Any, shape: tuple[int, ...], name: str = "labels") -> np.ndarray:
    """Labels 0 or 1 of the given shape, as bool.

    Raises:
        ValueError: another shape, or a value other than 0 and 1, with row and column (counted from 0).
    """
    labels = np.asarray(labels)
    if labels.shape != shape:
        raise ValueError(f"the {name} have shape {labels.shape} but {shape} was expected, one row an image")
    _refuse(labels, (labels != 0) & (labels != 1), name, "each must be 0 or 1")
    return labels.astype(bool)


def is_known(labels: Any) -> np.ndarray:
    """Which labels are known: bool of the same shape, false for ``UNKNOWN``."""
    return np.asarray(labels) != UNKNOWN


def check_known_labels(labels: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which some may be ``UNKNOWN``, as positives and negatives.

    Returns:
        two of bool: which are 1 and which are 0; an unknown one is neither.

    Raises:
        ValueError: another shape, or a value other than 0, 1 and ``UNKNOWN``, with row and column (counted from 0).
    """
    labels = np.asarray(labels)
    known = is_known(labels)
    positive = check_labels(np.where(known, labels, 0), shape)
    return positive, known & ~positive


def check_weights(weights: Any, n: int) -> np.ndarray:
    """Weights of ``n`` images as float64; None is 1 for each.

    Raises:
        ValueError: not one weight an image, or one that is negative or not finite.
    """
    if weights is None:
        return np.ones(n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,):
        raise ValueError(f"the weights have shape {weights.shape} but ({n},) was expected, one an image")
    _refuse(weights, ~(np.isfinite(weights) & (weights >= 0)), "weights", "each must be a finite number, 0 or more")
    return weights
