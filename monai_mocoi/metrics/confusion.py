"""What decisions get right and wrong. The table of classes against classes is scikit-learn's ``confusion_matrix``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from monai_mocoi.metrics.inputs import check_labels, check_weights
from monai_mocoi.metrics.ranking import ratio


class ConfusionCounts(NamedTuple):
    """Weight of the images of each outcome, each class against the rest; arrays of one shape, the classes last."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray
    true_negatives: np.ndarray

    @property
    def sensitivity(self) -> np.ndarray:
        """Share of the positives that were called positive; NaN where there is none."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> np.ndarray:
        """Share of the negatives that were called negative; NaN where there is none."""
        return ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and sensitivity, 2 TP / (2 TP + FP + FN).

        0 where nothing was found right; NaN where no image is positive and none was called so.
        """
        twice = 2 * self.true_positives
        return ratio(twice, twice + self.false_positives + self.false_negatives)


def outcomes(labels: np.ndarray, decided: np.ndarray) -> ConfusionCounts:
    """Outcome of each image as bool arrays, from bool arrays of one shape."""
    return ConfusionCounts(labels & decided, ~labels & decided, labels & ~decided, ~labels & ~decided)


def confusion_counts(labels: Any, decided: Any, weights: Any = None) -> ConfusionCounts:
    """Count true and false positives and negatives, each class against the rest.

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1 (:func:`~monai_mocoi.metrics.one_hot` of class numbers).
        decided: the same shape, 0 or 1, from :func:`~monai_mocoi.metrics.decide` or
            :func:`~monai_mocoi.metrics.decide_by_highest`.
        weights: ``(n,)``, 0 or more, one an image; None: 1 each.

    Returns:
        four float64 arrays of shape ``()`` or ``(classes,)``, and sensitivity, specificity and F1 of them.

    Raises:
        ValueError: shapes that do not fit, or values other than 0 and 1.
    """
    decided = check_labels(decided, np.shape(decided), "decisions")
    labels = check_labels(labels, decided.shape)
    weights = check_weights(weights, len(labels))
    return ConfusionCounts(*(np.asarray(weights @ outcome) for outcome in outcomes(labels, decided)))


def sensitivity_specificity(labels: Any, decided: Any, weights: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Sensitivity and specificity of each class; arguments and errors as for :func:`confusion_counts`."""
    counts = confusion_counts(labels, decided, weights)
    return counts.sensitivity, counts.specificity


def macro_f1(labels: Any, decided: Any, weights: Any = None) -> float:
    """Mean of the classes' F1; arguments and errors as for :func:`confusion_counts`.

    Returns:
        0..1; NaN where a class has no positive image and none was called positive: leave that class out.
    """
    return float(confusion_counts(labels, decided, weights).f1.mean())
