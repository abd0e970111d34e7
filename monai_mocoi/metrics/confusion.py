"""Confusion counts: sensitivity, specificity and F1 of decisions, by image and by patient."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from monai_mocoi.metrics.inputs import check_labels, check_weights, over_known, patient_index, ratio, sum_by_patient
from monai_mocoi.metrics.patient_statistics import PatientStatistic


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
        """2 TP / (2 TP + FP + FN): 0 without true positives; NaN where no image is positive and none was called so."""
        twice = 2 * self.true_positives
        return ratio(twice, twice + self.false_positives + self.false_negatives)


def _outcomes(labels: Any, decided: Any) -> list[np.ndarray]:
    """True and false positives, false and true negatives: whether each image is one, as bool arrays."""
    decided = check_labels(decided, np.shape(decided), "decisions")
    labels = check_labels(labels, decided.shape)
    return [labels & decided, ~labels & decided, labels & ~decided, ~labels & ~decided]


def confusion_counts(labels: Any, decided: Any, weights: Any = None) -> ConfusionCounts:
    """Count true and false positives and negatives, each class against the rest: of shape ``()`` or ``(classes,)``.

    ``labels``: ``(n,)`` or ``(n, classes)``, 0 or 1 (:func:`~monai_mocoi.metrics.one_hot` of class numbers).
    ``decided``: the same shape, from :func:`~monai_mocoi.metrics.decide` or
    :func:`~monai_mocoi.metrics.decide_by_highest`. ``weights``: ``(n,)``, 0 or more, one an image; None: 1 each.
    """
    outcomes = _outcomes(labels, decided)
    weights = check_weights(weights, len(outcomes[0]))
    return ConfusionCounts(*(np.asarray(weights @ outcome) for outcome in outcomes))


def confusion_over_known(labels: Any, decided: Any) -> ConfusionCounts:
    """:func:`confusion_counts` of each class over its known images: ``(n, classes)``, 0, 1 or ``UNKNOWN``."""
    return ConfusionCounts(*over_known(confusion_counts, labels, decided))


def macro_f1(labels: Any, decided: Any, weights: Any = None) -> float:
    """Mean of the classes' F1; NaN where a class has no positive image and none was called so: leave it out."""
    return float(confusion_counts(labels, decided, weights).f1.mean())


def confusion_by_patient(
    labels: Any, decided: Any, patients: Any, measure: Literal["sensitivity", "specificity", "f1"] | Sequence[str]
) -> PatientStatistic:
    """Sensitivity, specificity or F1 of each class for counts of patients, at fixed decisions.

    Takes labels and decisions, ``(n,)`` or ``(n, classes)``, 0 or 1, and ``(n,)`` patient ids; ValueError for others.
    Returns the statistic: ``(resamples,)`` or ``(resamples, classes)``. Of several measures, for labels
    ``(n, classes)``, it is ``(resamples, measures x classes)``: quicker than one by one.
    """
    measures = [measure] if isinstance(measure, str) else list(measure)
    for name in measures:
        if name not in ("sensitivity", "specificity", "f1"):
            raise ValueError(f'measure is {name!r}; expected "sensitivity", "specificity" or "f1"')
    outcomes = _outcomes(labels, decided)
    index, count = patient_index(patients, len(outcomes[0]))
    sums = [sum_by_patient(part, index, count) for part in outcomes]

    def measured(parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([getattr(ConfusionCounts(*parts), name) for name in measures], axis=-1)

    return PatientStatistic(
        lambda counts: measured([counts.T @ part for part in sums]),
        lambda: measured([part.sum(axis=0) - part for part in sums]),
    )
