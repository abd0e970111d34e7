"""Metrics of labels of which some are not known: each class is measured over the images in which it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from monai_mocoi.metrics.confusion import ConfusionCounts, confusion_counts
from monai_mocoi.metrics.inputs import is_known
from monai_mocoi.metrics.patient_statistics import PatientStatistic
from monai_mocoi.metrics.patients import patient_index


def over_known(metric: Callable[[Any, Any], Any], labels: Any, values: Any) -> np.ndarray:
    """A metric of each class over its known images; of all images together where all labels are known.

    Args:
        metric: takes ``(m,)`` or ``(m, classes)`` labels of 0 and 1, and values of the same shape; returns one number a
            class, such as :func:`~monai_mocoi.metrics.roc_auc`.
        labels: ``(n, classes)``, 0, 1 or ``UNKNOWN``.
        values: the same shape: scores, or decisions.

    Returns:
        ``(classes,)``.
    """
    labels, values, known = np.asarray(labels), np.asarray(values), is_known(labels)
    if known.all():
        return np.asarray(metric(labels, values))
    return np.array([metric(labels[own, i], values[own, i]) for i, own in enumerate(known.T)])


def confusion_over_known(labels: Any, decided: Any) -> ConfusionCounts:
    """:func:`~monai_mocoi.metrics.confusion_counts` of each class over its known images.

    Args:
        labels: ``(n, classes)``, 0, 1 or ``UNKNOWN``.
        decided: the same shape, 0 or 1.
    """
    labels, decided, known = np.asarray(labels), np.asarray(decided), is_known(labels)
    if known.all():
        return confusion_counts(labels, decided)
    parts = [confusion_counts(labels[own, i], decided[own, i]) for i, own in enumerate(known.T)]
    return ConfusionCounts(*(np.array(own) for own in zip(*parts, strict=True)))


def known_by_patient(
    make: Callable[[Any, Any, Any], PatientStatistic], labels: Any, values: Any, patients: Any
) -> PatientStatistic:
    """A statistic of the images whose label is known, for counts of all patients.

    Who has no known image changes nothing: neither when drawn nor when left out.

    Args:
        make: takes labels of 0 and 1, values and patient ids of ``m`` images; returns the statistic, such as
            :func:`~monai_mocoi.metrics.roc_auc_by_patient`.
        labels: ``(n,)`` or ``(n, classes)``, 0, 1 or ``UNKNOWN``. Of several classes each is made by itself, over its
            own known images, and their columns stand side by side.
        values: the same shape: scores, probabilities or decisions.
        patients: ``(n,)`` patient ids, one an image.

    Returns:
        what ``make`` gives for all images where every label is known.
    """
    labels, values, known = np.asarray(labels), np.asarray(values), is_known(labels)
    if known.all():
        return make(labels, values, patients)
    index, count = patient_index(patients, len(labels))
    if labels.ndim == 1:
        return _of_some(make, labels[known], values[known], index[known], count)
    parts = [_of_some(make, labels[own, i], values[own, i], index[own], count) for i, own in enumerate(known.T)]
    return PatientStatistic(
        lambda counts: np.concatenate([_as_columns(part(counts)) for part in parts], axis=1),
        lambda: np.concatenate([_as_columns(part.left_out()) for part in parts], axis=1),
    )


def _as_columns(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _of_some(
    make: Callable[[Any, Any, Any], PatientStatistic],
    labels: np.ndarray,
    values: np.ndarray,
    index: np.ndarray,
    count: int,
) -> PatientStatistic:
    """The statistic of images of some of ``count`` patients."""
    places = np.unique(index)
    made = make(labels, values, index)

    def left_out() -> np.ndarray:
        whole = made(np.ones((len(places), 1)))[0]
        without = np.broadcast_to(whole, (count, *np.shape(whole))).copy()
        without[places] = made.left_out()
        return without

    return PatientStatistic(lambda counts: made(counts[places]), left_out)
