"""Statistics by patient: metrics as functions of how often each patient was drawn, for many resamples at once.

A ``*_by_patient`` function prepares one metric of fixed images once (sorting, sums by patient). The metric by image,
with weights, is the same with each image a patient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.inputs import check_labels, check_scores, check_weights, is_known, patient_index
from monai_mocoi.metrics.patient_resamples import Statistic, of_all


@dataclass(frozen=True, eq=False)
class PatientStatistic:
    """A statistic that also gives its values without each patient in turn, which the BCa interval needs.

    ``evaluate``: from ``(patients, resamples)`` counts to ``(resamples,)`` or ``(resamples, columns)``. ``left_out``:
    takes nothing; returns ``(patients,)`` or ``(patients, columns)``. ``whole``: takes nothing; the value of all
    patients, to the last bit that of counts of 1, but quicker; None: there is no quicker way.
    """

    evaluate: Statistic
    left_out: Callable[[], np.ndarray]
    whole: Callable[[], np.ndarray] | None = None

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Evaluate."""
        return self.evaluate(counts)


Make = Callable[[Any, Any, Any], PatientStatistic]
"""From labels, values and patient ids, one an image, to the statistic of a metric."""


def of_images(make: Make, labels: Any, values: Any, weights: Any = None) -> np.ndarray:
    """The metric itself, with each image a patient that was drawn as often as its weight says."""
    n = len(np.asarray(values))
    return np.asarray(make(labels, values, np.arange(n))(check_weights(weights, n)[:, None]))[0]


def column_statistic(
    labels: Any,
    scores: Any,
    patients: Any,
    prepare: Callable[[np.ndarray, np.ndarray, np.ndarray, int], PatientStatistic],
) -> PatientStatistic:
    """Prepare each column of checked labels and scores by itself; one-dimensional ones give one value a resample.

    ``prepare``: takes labels and scores ``(n,)``, each image's patient as a number from 0, and the number of patients.
    """
    scores = check_scores(scores)
    labels = check_labels(labels, scores.shape)
    index, count = patient_index(patients, len(scores))
    pairs = zip(np.atleast_2d(labels.T), np.atleast_2d(scores.T), strict=True)
    columns = [prepare(*pair, index, count) for pair in pairs]

    def joined(rows: int, values: list[np.ndarray]) -> np.ndarray:
        result = np.empty((rows, len(values)))  # in rows: means over the columns depend on it in the last bits
        for i, own in enumerate(values):
            result[:, i] = own
        return result.reshape(rows, *scores.shape[1:])

    wholes = [column.whole for column in columns if column.whole is not None]
    return PatientStatistic(
        lambda counts: joined(counts.shape[1], [column(counts) for column in columns]),
        lambda: joined(count, [column.left_out() for column in columns]),
        (lambda: joined(1, [own() for own in wholes])[0]) if len(wholes) == len(columns) else None,
    )


def statistic_of_sums(sums: csr_array | np.ndarray, combine: Callable[[np.ndarray], np.ndarray]) -> PatientStatistic:
    """A statistic of ``(sums, patients)`` over each patient's images; ``combine`` takes ``(sums, resamples)``."""

    def left_out() -> np.ndarray:
        own = sums if isinstance(sums, np.ndarray) else sums.toarray()
        return combine(own.sum(axis=1, keepdims=True) - own)

    return PatientStatistic(lambda counts: combine(sums @ counts), left_out)


def known_by_patient(make: Make, labels: Any, values: Any, patients: Any) -> PatientStatistic:
    """A statistic of the images whose label is known, for counts of all patients.

    A patient without a known image changes nothing. Several classes are made one by one, each over its own known
    images. ``make``: such as :func:`~monai_mocoi.metrics.roc_auc_by_patient`; gets labels of 0 and 1. ``labels``,
    ``values``: ``(n,)`` or ``(n, classes)``, 0, 1 or ``UNKNOWN``; scores, probabilities or decisions.
    """
    labels, values, known = np.asarray(labels), np.asarray(values), is_known(labels)
    if known.all():
        return make(labels, values, patients)
    index, count = patient_index(patients, len(labels))
    if labels.ndim == 1:
        return _of_some(make(labels[known], values[known], index[known]), index[known], count)
    parts = [
        _of_some(make(labels[own, i], values[own, i], index[own]), index[own], count) for i, own in enumerate(known.T)
    ]
    wholes = [part.whole for part in parts if part.whole is not None]
    return PatientStatistic(
        lambda counts: np.concatenate([_as_columns(part(counts)) for part in parts], axis=1),
        lambda: np.concatenate([_as_columns(part.left_out()) for part in parts], axis=1),
        (lambda: np.concatenate([np.atleast_1d(own()) for own in wholes])) if len(wholes) == len(parts) else None,
    )


def _as_columns(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _of_some(made: PatientStatistic, index: np.ndarray, count: int) -> PatientStatistic:
    """A statistic of images of some of ``count`` patients, for counts of all of them."""
    places = np.unique(index)

    def left_out() -> np.ndarray:
        whole = of_all(made, len(places))
        without = np.broadcast_to(whole, (count, *np.shape(whole))).copy()
        without[places] = made.left_out()
        return without

    return PatientStatistic(lambda counts: made(counts[places]), left_out, made.whole)


def weighted_by_patient(metric: Callable[[np.ndarray], Any], patients: Any) -> Statistic:
    """Any metric of image weights ``(n,)`` as a function of counts of patients: slow, with one call a resample."""
    index, _ = patient_index(patients)
    return lambda counts: np.stack([np.asarray(metric(own[index]), dtype=np.float64) for own in counts.T])
