"""Inputs of every metric, checked (a wrong value is refused, not averaged), and the sums and ratios made of them."""

from collections.abc import Callable
from typing import Any

import numpy as np


def _refuse(values: np.ndarray, bad: np.ndarray, name: str, demand: str) -> None:
    if bad.any():
        row, *column = (int(i) for i in np.argwhere(bad)[0])
        where = f"row {row}" + "".join(f", column {i}" for i in column)
        raise ValueError(f"the {name} hold {values[bad][0]} in {where}; {demand}")


def check_scores(scores: Any, name: str = "scores") -> np.ndarray:
    """Return finite scores ``(n,)`` or ``(n, columns)`` as float64; the ValueError has row and column, from 0."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim not in (1, 2):
        raise ValueError(f"the {name} have shape {scores.shape}; expected (images,) or (images, columns)")
    _refuse(scores, ~np.isfinite(scores), name, "each must be a finite number")
    return scores


def check_labels(labels: Any, shape: tuple[int, ...], name: str = "labels") -> np.ndarray:
    """Return labels 0 or 1 of the given shape as bool; the ValueError has row and column, from 0."""
    labels = np.asarray(labels)
    if labels.shape != shape:
        raise ValueError(f"the {name} have shape {labels.shape} but {shape} was expected, one row an image")
    _refuse(labels, (labels != 0) & (labels != 1), name, "each must be 0 or 1")
    return labels.astype(bool)


def check_weights(weights: Any, n: int) -> np.ndarray:
    """Return finite weights of ``n`` images, 0 or more, as float64; None is 1 for each."""
    if weights is None:
        return np.ones(n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,):
        raise ValueError(f"the weights have shape {weights.shape} but ({n},) was expected, one an image")
    _refuse(weights, ~(np.isfinite(weights) & (weights >= 0)), "weights", "each must be a finite number, 0 or more")
    return weights


UNKNOWN = -1
"""The label of an image of which it is not known whether it has the finding."""


def is_known(labels: Any) -> np.ndarray:
    """Which labels are known: bool of the same shape, false for ``UNKNOWN``."""
    return np.asarray(labels) != UNKNOWN


def check_known_labels(labels: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return which labels of the given shape are 1 and which are 0, as two bool arrays; an unknown one is neither."""
    labels = np.asarray(labels)
    known = is_known(labels)
    positive = check_labels(np.where(known, labels, 0), shape)
    return positive, known & ~positive


def over_known(metric: Callable[[Any, Any], Any], labels: Any, values: Any) -> np.ndarray:
    """A metric of each class over its known images; of all images together where all labels are known.

    ``metric``: takes ``(m,)`` or ``(m, classes)`` labels of 0 and 1, and values of the same shape; returns one number a
    class (:func:`~monai_mocoi.metrics.roc_auc`), or several arrays of that shape. ``labels``: ``(n, classes)``, 0, 1 or
    ``UNKNOWN``. ``values``: the same shape: scores, or decisions. Returns ``(classes,)``, or ``(arrays, classes)``.
    """
    labels, values, known = np.asarray(labels), np.asarray(values), is_known(labels)
    if known.all():
        return np.asarray(metric(labels, values))
    return np.stack([np.asarray(metric(labels[own, i], values[own, i])) for i, own in enumerate(known.T)], axis=-1)


def patient_index(patients: Any, n: int | None = None) -> tuple[np.ndarray, int]:
    """Number each image's patient from 0, in the sorted order of the ids, and count the patients.

    ``patients``: ``(n,)`` ids, text or integers; another shape is refused with ValueError. ``n``: None is any.
    """
    ids = np.asarray(patients)
    if ids.ndim != 1 or (n is not None and len(ids) != n):
        raise ValueError(f"the patients have shape {ids.shape} but ({'images' if n is None else n},) was expected")
    unique, index = np.unique(ids, return_inverse=True)
    return index, len(unique)


def sum_by_patient(values: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Sum ``(n, columns)`` values of images over the images of each of ``count`` patients: ``(patients, columns)``."""
    from scipy.sparse import csr_array  # takes longer to import than all of NumPy

    membership = csr_array((np.ones(len(index)), (index, np.arange(len(index)))), shape=(count, len(index)))
    return membership @ values.astype(np.float64)


def sorted_values(values: Any) -> np.ndarray:
    """A statistic's values over resamples, ``(resamples,)`` or ``(resamples, columns)``, sorted and all finite."""
    values = np.sort(np.asarray(values, dtype=np.float64), axis=0)
    if values.ndim == 0 or not np.isfinite(values).all():
        raise ValueError("a resample's value is not finite: redraw resamples where the statistic is undefined")
    return values


def ratio(numerator: Any, denominator: Any, otherwise: Any = np.nan) -> np.ndarray:
    """Quotient where the denominator is above 0, and ``otherwise`` elsewhere, without a warning."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    made = np.full(numerator.shape, otherwise, dtype=np.float64)
    return np.divide(numerator, denominator, out=made, where=denominator > 0)


def fewest_resamples(level: float) -> int:
    """Fewest resamples for an interval of this level, above 0 and below 1: their ends are then among the values."""
    return round(2 / (1 - level)) - 1
