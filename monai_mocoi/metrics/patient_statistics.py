"""The metrics as functions of how often each patient was drawn, for many resamples at once.

Each function here prepares one metric of fixed images once (sorting, sums by patient) and returns a
:data:`~monai_mocoi.metrics.bootstrap.Statistic`. Its value is that of the metric with ``weights=counts[patient]``.
All but :func:`weighted_by_patient` know their values without each patient in turn, which the BCa interval needs, in
closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.bootstrap import Statistic, leave_each_out
from monai_mocoi.metrics.calibration import probability_bins
from monai_mocoi.metrics.confusion import ConfusionCounts, outcomes
from monai_mocoi.metrics.inputs import check_labels, check_scores
from monai_mocoi.metrics.leave_one_out import average_precision_left_out, roc_auc_left_out
from monai_mocoi.metrics.patients import patient_index, sum_by_patient
from monai_mocoi.metrics.ranking import ratio


@dataclass(frozen=True, eq=False)
class PatientStatistic:
    """A statistic that also tells its values without each patient in turn.

    Attributes:
        evaluate: from ``(patients, resamples)`` counts to ``(resamples,)`` or ``(resamples, columns)``.
        left_out: takes nothing; returns ``(patients,)`` or ``(patients, columns)``, what
            :func:`~monai_mocoi.metrics.bootstrap.leave_each_out` does, but for rounding.
    """

    evaluate: Statistic
    left_out: Callable[[], np.ndarray]

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Evaluate."""
        return self.evaluate(counts)


def _column_statistic(
    labels: Any,
    scores: Any,
    patients: Any,
    prepare: Callable[[np.ndarray, np.ndarray, np.ndarray, int], PatientStatistic],
) -> PatientStatistic:
    """Prepare each column by itself; one-dimensional labels give one value a resample."""
    scores = check_scores(scores)
    labels = check_labels(labels, scores.shape)
    index, count = patient_index(patients, len(scores))
    shape = scores.shape[1:]
    labels, scores = labels.reshape(len(labels), -1), scores.reshape(len(scores), -1)
    columns = [prepare(labels[:, i], scores[:, i], index, count) for i in range(scores.shape[1])]

    def statistic(counts: np.ndarray) -> np.ndarray:
        values = np.empty((counts.shape[1], len(columns)))
        for i, column in enumerate(columns):
            values[:, i] = column(counts)
        return values.reshape(counts.shape[1], *shape)

    def left_out() -> np.ndarray:
        values = np.empty((count, len(columns)))
        for i, column in enumerate(columns):
            values[:, i] = column.left_out()
        return values.reshape(count, *shape)

    return PatientStatistic(statistic, left_out)


def _counted(rows: np.ndarray, index: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """How many images of each patient fall into each row; rows past the last are dropped."""
    kept = rows < shape[0]
    return csr_array((np.ones(int(kept.sum())), (rows[kept], index[kept])), shape=shape)


def _totals(labels: np.ndarray, index: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positive and negative images of each patient."""
    return (
        np.bincount(index[labels], minlength=count).astype(np.float64),
        np.bincount(index[~labels], minlength=count).astype(np.float64),
    )


def roc_auc_by_patient(labels: Any, scores: Any, patients: Any) -> PatientStatistic:
    """:func:`~monai_mocoi.metrics.roc_auc` of each class for counts of patients.

    All sums are of whole numbers and exact, so the value is the same to the last bit however the images are given.

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1.
        scores: the same shape, finite.
        patients: ``(n,)`` patient ids, one an image.

    Returns:
        the statistic: ``(resamples,)`` or ``(resamples, classes)``; NaN without positives or negatives.

    Raises:
        ValueError: shapes that do not fit, labels other than 0 and 1, NaN or infinite scores.
    """
    return _column_statistic(labels, scores, patients, _roc_auc_of_column)


def _roc_auc_of_column(labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int) -> PatientStatistic:
    # One row for each distinct score of a positive, ascending; there, the negatives beaten are counted twice and ties
    # once. Each row of `beaten` is what the row before lacks: a negative adds 1 from the first score that is no lower
    # than its own, and 1 from the first that is higher.
    values, place = np.unique(scores[labels], return_inverse=True)
    shape = len(values), count
    negative = scores[~labels]
    steps = np.concatenate([np.searchsorted(values, negative, "left"), np.searchsorted(values, negative, "right")])
    positives = _counted(place, index[labels], shape)
    beaten = _counted(steps, np.tile(index[~labels], 2), shape)
    of_patient = _totals(labels, index, count)

    def statistic(counts: np.ndarray) -> np.ndarray:
        twice = beaten @ counts
        np.cumsum(twice, axis=0, out=twice)
        won = np.einsum("gr,gr->r", positives @ counts, twice)
        pairs = (of_patient[0] @ counts) * (of_patient[1] @ counts)
        return ratio(won, 2 * pairs)

    return PatientStatistic(statistic, lambda: roc_auc_left_out(labels, scores, index, count))


def average_precision_by_patient(labels: Any, scores: Any, patients: Any) -> PatientStatistic:
    """:func:`~monai_mocoi.metrics.average_precision` of each class for counts of patients.

    Arguments and errors as for :func:`roc_auc_by_patient`; NaN without positives.
    """
    return _column_statistic(labels, scores, patients, _average_precision_of_column)


def _average_precision_of_column(
    labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int
) -> PatientStatistic:
    # One row for each distinct score of a positive, descending; a negative counts from the first that is no higher.
    values, place = np.unique(-scores[labels], return_inverse=True)
    shape = len(values), count
    positives = _counted(place, index[labels], shape)
    negatives = _counted(np.searchsorted(values, -scores[~labels], "left"), index[~labels], shape)

    def statistic(counts: np.ndarray) -> np.ndarray:
        own = positives @ counts
        found = np.cumsum(own, axis=0)
        called = negatives @ counts
        np.cumsum(called, axis=0, out=called)
        called += found
        precision = np.divide(found, called, out=called, where=called > 0)
        total = own.sum(axis=0)
        return ratio(np.einsum("gr,gr->r", own, precision), total)

    def left_out() -> np.ndarray:
        values = average_precision_left_out(labels, scores, index, count)
        return leave_each_out(statistic, count) if values is None else values

    return PatientStatistic(statistic, left_out)


def confusion_by_patient(
    labels: Any,
    decided: Any,
    patients: Any,
    measure: Literal["sensitivity", "specificity", "f1"] | Sequence[str],
) -> PatientStatistic:
    """Sensitivity, specificity or F1 of each class for counts of patients, at decisions that are fixed.

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1.
        decided: the same shape, 0 or 1.
        patients: ``(n,)`` patient ids, one an image.
        measure: which; see :class:`~monai_mocoi.metrics.ConfusionCounts`. Macro F1 is its mean over the classes. Of
            several, for labels ``(n, classes)``, the columns stand side by side: quicker than one by one.

    Returns:
        the statistic: ``(resamples,)`` or ``(resamples, classes)``; ``(resamples, measures x classes)`` of several.

    Raises:
        ValueError: shapes that do not fit, values other than 0 and 1, or another measure.
    """
    measures = [measure] if isinstance(measure, str) else list(measure)
    for name in measures:
        if name not in ("sensitivity", "specificity", "f1"):
            raise ValueError(f'measure is {name!r}; expected "sensitivity", "specificity" or "f1"')
    decided = check_labels(decided, np.shape(decided), "decisions")
    labels = check_labels(labels, decided.shape)
    index, count = patient_index(patients, len(labels))
    sums = [sum_by_patient(part, index, count) for part in outcomes(labels, decided)]

    def measured(counts: ConfusionCounts) -> np.ndarray:
        return np.concatenate([getattr(counts, name) for name in measures], axis=-1)

    def statistic(counts: np.ndarray) -> np.ndarray:
        return measured(ConfusionCounts(*(counts.T @ part for part in sums)))

    def left_out() -> np.ndarray:
        return measured(ConfusionCounts(*(part.sum(axis=0) - part for part in sums)))

    return PatientStatistic(statistic, left_out)


def calibration_error_by_patient(labels: Any, probabilities: Any, patients: Any, bins: int = 15) -> PatientStatistic:
    """:func:`~monai_mocoi.metrics.expected_calibration_error` for counts of patients.

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1; for softmax classes from :func:`~monai_mocoi.metrics.top_label`.
        probabilities: the same shape, 0..1.
        patients: ``(n,)`` patient ids, one an image.
        bins: 1 or more.

    Returns:
        the statistic: ``(resamples,)`` or ``(resamples, classes)``.

    Raises:
        ValueError: shapes that do not fit, labels other than 0 and 1, probabilities outside 0..1.
    """
    place = probability_bins(probabilities, bins)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    gap = probabilities - check_labels(labels, probabilities.shape)
    index, count = patient_index(patients, len(gap))
    shape = gap.shape[1:]
    gap, place = gap.reshape(len(gap), -1), place.reshape(len(gap), -1)
    sums = [csr_array((gap[:, i], (place[:, i], index)), shape=(bins, count)) for i in range(gap.shape[1])]
    images = np.bincount(index, minlength=count).astype(np.float64)

    def statistic(counts: np.ndarray) -> np.ndarray:
        total = np.stack([np.abs(column @ counts).sum(axis=0) for column in sums], axis=1)
        return ratio(total, (images @ counts)[:, None]).reshape(-1, *shape)

    def left_out() -> np.ndarray:
        own = [column.toarray() for column in sums]
        total = np.stack([np.abs(part.sum(axis=1, keepdims=True) - part).sum(axis=0) for part in own], axis=1)
        return ratio(total, (images.sum() - images)[:, None]).reshape(-1, *shape)

    return PatientStatistic(statistic, left_out)


def weighted_by_patient(metric: Callable[[np.ndarray], Any], patients: Any) -> Statistic:
    """Any metric of image weights for counts of patients: one call a resample, so it takes its time.

    Args:
        metric: takes ``(n,)`` weights, returns a number or ``(columns,)``; such as
            ``lambda weights: roc_auc(labels, scores, weights)``.
        patients: ``(n,)`` patient ids, one an image.
    """
    index, _ = patient_index(patients)

    def statistic(counts: np.ndarray) -> np.ndarray:
        return np.stack([np.asarray(metric(own[index]), dtype=np.float64) for own in counts.T])

    return statistic
