"""How well scores rank the positive images before the negative ones, whatever the threshold.

The points of the curves themselves are scikit-learn's ``roc_curve`` and ``precision_recall_curve``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from monai_mocoi.metrics.inputs import check_labels, check_scores, check_weights


def _ranked(labels: Any, scores: Any, weights: Any) -> tuple[np.ndarray, ...]:
    """Weights in descending order of score, and of all images that score higher, or at least as high.

    Returns:
        positive, negative, positive_above, positive_through, negative_through: each ``(n, columns)``. "Above" sums the
        rows with a higher score; "through" adds the ones with the same score.
    """
    n = len(scores)
    order = np.argsort(-scores, axis=0, kind="stable")
    scores = np.take_along_axis(scores, order, axis=0)
    hit = np.take_along_axis(labels, order, axis=0)
    weight = weights[order]
    positive, negative = np.where(hit, weight, 0), np.where(hit, 0, weight)

    change = scores[1:] != scores[:-1]
    edge = np.ones((1, scores.shape[1]), dtype=bool)
    rows = np.arange(n)[:, None]
    first = np.maximum.accumulate(np.where(np.concatenate([edge, change]), rows, 0), axis=0)
    last = np.where(np.concatenate([change, edge]), rows, n - 1)
    last = np.minimum.accumulate(last[::-1], axis=0)[::-1]

    sums = np.cumsum(positive, axis=0)
    through = np.take_along_axis(sums, last, axis=0)
    above = np.where(first > 0, np.take_along_axis(sums, np.maximum(first - 1, 0), axis=0), 0)
    negative_through = np.take_along_axis(np.cumsum(negative, axis=0), last, axis=0)
    return positive, negative, above, through, negative_through


def _checked(labels: Any, scores: Any, weights: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, ...]]:
    scores = check_scores(scores)
    labels = check_labels(labels, scores.shape)
    weights = check_weights(weights, len(scores))
    columns = (len(scores), int(np.prod(scores.shape[1:])))
    return labels.reshape(columns), scores.reshape(columns), weights, scores.shape[1:]


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient of two arrays of one shape; NaN where the denominator is 0, without a warning."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)


def twice_beaten(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of the others, those below each value counted twice and those equal to it once: whole numbers, so exact.

    Args:
        values: ``(n,)``.
        others: ``(m,)``, in any order.

    Returns:
        ``(n,)`` integers from 0 to 2 m.
    """
    others = np.sort(others)
    return np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")


def roc_auc(labels: Any, scores: Any, weights: Any = None) -> np.ndarray:
    """Area under the ROC curve: the chance that a positive image scores higher than a negative one, ties counting half.

    Each column by itself; with integer weights exactly the value of the images repeated that often.

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1.
        scores: the same shape, any finite numbers; higher means more likely positive.
        weights: ``(n,)``, 0 or more, one an image; None: 1 each.

    Returns:
        float64 0..1 of shape ``()`` or ``(classes,)``; NaN where a class has no positive or no negative image of weight
        above 0: it has no AUC.

    Raises:
        ValueError: shapes that do not fit, labels other than 0 and 1, NaN or infinite scores, negative weights.
    """
    labels, scores, weights, shape = _checked(labels, scores, weights)
    positive, negative, above, through, _ = _ranked(labels, scores, weights)
    pairs = positive.sum(axis=0) * negative.sum(axis=0)
    return ratio((negative * (above + through)).sum(axis=0), 2 * pairs).reshape(shape)


def average_precision(labels: Any, scores: Any, weights: Any = None) -> np.ndarray:
    """Average precision: the sum over the thresholds of (gain in recall) x precision, without interpolation.

    Images of equal score pass the threshold together. An uninformative score has the prevalence as its value.

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1.
        scores: the same shape, any finite numbers; higher means more likely positive.
        weights: ``(n,)``, 0 or more, one an image; None: 1 each.

    Returns:
        float64 0..1 of shape ``()`` or ``(classes,)``; NaN where a class has no positive image of weight above 0.

    Raises:
        ValueError: as for :func:`roc_auc`.
    """
    labels, scores, weights, shape = _checked(labels, scores, weights)
    positive, _, _, through, negative_through = _ranked(labels, scores, weights)
    precision = np.where(positive > 0, ratio(through, through + negative_through), 0)
    return ratio((positive * precision).sum(axis=0), positive.sum(axis=0)).reshape(shape)
