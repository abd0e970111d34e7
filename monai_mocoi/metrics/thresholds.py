"""Decisions from scores: thresholds by Youden's index, and the class of the highest score."""

from typing import Any

import numpy as np

from monai_mocoi.metrics.inputs import check_labels, check_scores


def youden_threshold(labels: Any, scores: Any) -> np.ndarray:
    """Threshold with the largest sensitivity + specificity - 1 (Youden 1950), each column by itself.

    An image is positive when ``score >= threshold``. Candidates are the midpoints between neighbouring scores, and the
    lowest score itself. Of equally good ones the lowest is taken: scores that do not rank at all call everything
    positive.

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1. Choose on validation images, never on the reported ones.
        scores: the same shape, finite.

    Returns:
        float64 of shape ``()`` or ``(classes,)``; NaN where a class has no positive or no negative image.
    """
    scores = check_scores(scores)
    labels = check_labels(labels, scores.shape)
    columns = zip(np.atleast_2d(labels.T), np.atleast_2d(scores.T), strict=True)
    return np.array([_youden(*column) for column in columns], dtype=np.float64).reshape(scores.shape[1:])


def _youden(labels: np.ndarray, scores: np.ndarray) -> float:
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return np.nan
    values, place = np.unique(scores, return_inverse=True)
    found = np.bincount(place, weights=labels, minlength=len(values)).astype(np.int64)
    every = np.bincount(place, minlength=len(values))
    # At or above each value, in integers, so that equal indices are seen to be equal.
    true_positives = found[::-1].cumsum()[::-1]
    false_positives = (every - found)[::-1].cumsum()[::-1]
    return candidate(values, int(np.argmax(true_positives * negatives - false_positives * positives)))


def candidate(values: np.ndarray, number: int) -> float:
    """The threshold that the ascending distinct ``values`` reach from ``number`` on: a midpoint, or the lowest one."""
    if number == 0:
        return float(values[0])
    below, above = values[number - 1], values[number]
    middle = below / 2 + above / 2
    return float(middle if below < middle else above)


def decide(scores: Any, thresholds: Any) -> np.ndarray:
    """Whether each score reaches its threshold: ``score >= threshold``, compared as float64.

    Args:
        scores: ``(n,)`` or ``(n, classes)``, finite.
        thresholds: one number, or ``(classes,)``; NaN or another shape is refused with ValueError.
    """
    scores = check_scores(scores)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if thresholds.shape not in ((), scores.shape[1:]):
        raise ValueError(
            f"thresholds have shape {thresholds.shape}; expected one, or one for each of {scores.shape[1:]}"
        )
    if np.isnan(thresholds).any():
        raise ValueError("a threshold is NaN: its class had no positive or no negative image; leave that class out")
    return scores >= thresholds


def decide_by_highest(scores: Any) -> np.ndarray:
    """The class of the highest score of each image, of equal ones the first: bool ``(n, classes)``, as the scores."""
    scores = check_scores(scores)
    if scores.ndim != 2:
        raise ValueError(f"multiclass scores have shape {scores.shape}; expected (images, classes)")
    return one_hot(scores.argmax(axis=1), scores.shape[1])


def one_hot(labels: Any, classes: int) -> np.ndarray:
    """Class numbers ``(n,)`` as one column a class, bool ``(n, classes)``: the form in which the metrics take labels.

    ValueError: a label that is no number 0..classes - 1.
    """
    labels = np.asarray(labels)
    outside = ~np.isin(labels, np.arange(classes))
    if labels.ndim != 1 or outside.any():
        what = f"{labels[outside][0]}" if labels.ndim == 1 else f"shape {labels.shape}"
        raise ValueError(f"class numbers hold {what}; expected one number 0..{classes - 1} an image")
    return labels[:, None] == np.arange(classes)
