"""Probabilities from logits, and decisions from scores: thresholds by Youden's index, or the highest score."""

from typing import Any

import numpy as np
from scipy.special import expit, softmax

from monai_mocoi.deprecated import current_label_kind
from monai_mocoi.metrics.inputs import check_labels, check_scores

LABEL_KINDS = ("multilabel", "multiclass")
"""Any number of findings an image; or exactly one class an image."""


def check_label_kind(kind: str) -> str:
    """Return the kind of labels; "softmax", the older name of "multiclass", becomes that; another is a ValueError."""
    kind = current_label_kind(kind)
    if kind not in LABEL_KINDS:
        raise ValueError(f"the kind of labels is {kind!r}; choose one of {', '.join(LABEL_KINDS)}.")
    return kind


def class_probabilities(logits: Any, kind: str) -> np.ndarray:
    """Turn logits ``(N, classes)`` into float64 probabilities 0..1, so that rounding does not make ties.

    ``kind``: "multilabel" (a sigmoid a class) or "multiclass" (one softmax). An infinite logit becomes NaN.
    """
    # Not torch's sigmoid: it rounds by an element's place in the array, and so by the batch that an image came in.
    values = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return expit(values) if check_label_kind(kind) == "multilabel" else softmax(values, axis=1)


def youden_threshold(labels: Any, scores: Any) -> np.ndarray:
    """Threshold with the largest sensitivity + specificity - 1 (Youden 1950), each column by itself.

    An image is positive when ``score >= threshold``. Candidates are the midpoints between neighbouring scores, and the
    lowest score itself. Of equally good ones the lowest is taken: scores that do not rank at all call everything
    positive. Takes labels ``(n,)`` or ``(n, classes)``, 0 or 1, of validation images, never of the reported ones, and
    finite scores of the same shape. Returns float64 of shape ``()`` or ``(classes,)``; NaN where a class has no
    positive or no negative image.
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
    """Whether each score, ``(n,)`` or ``(n, classes)``, reaches its threshold: ``score >= threshold``, as float64.

    ``thresholds``: one number, or ``(classes,)``; NaN or another shape is refused with ValueError.
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
    """Class numbers 0..classes - 1, ``(n,)``, as one column a class, bool ``(n, classes)``, as metrics take them."""
    labels = np.asarray(labels)
    outside = ~np.isin(labels, np.arange(classes))
    if labels.ndim != 1 or outside.any():
        what = f"{labels[outside][0]}" if labels.ndim == 1 else f"shape {labels.shape}"
        raise ValueError(f"class numbers hold {what}; expected one number 0..{classes - 1} an image")
    return labels[:, None] == np.arange(classes)
