"""Average precision: by image, by patient, and without each patient in turn."""

from typing import Any

import numpy as np

from monai_mocoi.metrics.auc import counted
from monai_mocoi.metrics.inputs import ratio
from monai_mocoi.metrics.patient_resamples import leave_each_out
from monai_mocoi.metrics.patient_statistics import PatientStatistic, column_statistic, of_images

TERMS_AT_ONCE = 2**15  # numbers of a table of running sums: as float64 they stay in a core's cache


def average_precision(labels: Any, scores: Any, weights: Any = None) -> np.ndarray:
    """Average precision: the sum over the thresholds of (gain in recall) x precision, without interpolation.

    Images of equal score pass the threshold together. The value of an uninformative score is the prevalence. Arguments
    and result as for :func:`~monai_mocoi.metrics.roc_auc`; NaN where a class has no positive image of weight above 0.
    """
    return of_images(average_precision_by_patient, labels, scores, weights)


def average_precision_by_patient(labels: Any, scores: Any, patients: Any) -> PatientStatistic:
    """:func:`average_precision` of each class for counts of patients; NaN without positives."""
    return column_statistic(labels, scores, patients, _of_column)


def _of_column(labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int) -> PatientStatistic:
    # One row for each distinct score of a positive, descending; a negative counts from the first that is no higher.
    values, place = np.unique(-scores[labels], return_inverse=True)
    shape = len(values), count
    positives = counted(place, index[labels], shape)
    negatives = counted(np.searchsorted(values, -scores[~labels], "left"), index[~labels], shape)

    def statistic(counts: np.ndarray) -> np.ndarray:
        own = positives @ counts
        found = np.cumsum(own, axis=0)
        called = negatives @ counts
        np.cumsum(called, axis=0, out=called)
        called += found
        precision = np.divide(found, called, out=called, where=called > 0)
        return ratio(np.einsum("gr,gr->r", own, precision), own.sum(axis=0))

    def left_out() -> np.ndarray:
        values = average_precision_left_out(labels, scores, index, count)
        return leave_each_out(statistic, count) if values is None else values

    return PatientStatistic(statistic, left_out)


def average_precision_left_out(
    labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int
) -> np.ndarray | None:
    """:func:`average_precision` of one class without each patient in turn: ``(count,)``, NaN where no positive is left.

    Down the ranking, what a patient takes away from the counts of positives and negatives changes at the patient's own
    images only. Between two of them the sum of the precisions is a difference of two running sums. These are shared by
    all patients that took away as many there: of one image each, there are three kinds. None: there would be more
    running sums than patients, and evaluating the metric without each is as quick.
    """
    values, rank = np.unique(-scores[labels], return_inverse=True)
    last = len(values)
    place = np.searchsorted(values, -scores, "left")
    own = np.bincount(rank, minlength=last).astype(np.float64)
    found = np.cumsum(own)
    above = np.cumsum(np.bincount(place[~labels], minlength=last)[:last]).astype(np.float64)
    positives = np.bincount(index[labels], minlength=count)

    # A stretch of the ranking from each place where a patient has images to the patient's next one, and how many of the
    # patient's positives and negatives are missing there.
    order = np.lexsort((place, index))
    place, hit, index = place[order], labels[order], index[order]
    start = np.searchsorted(index, np.arange(count))
    missing = np.stack([hit, ~hit], axis=1).cumsum(axis=0)
    missing -= np.concatenate([[[0, 0]], missing])[start][index]
    stop = np.append(place[1:], last)
    stop[start[1:] - 1] = last
    first = place[start]

    kept = np.flatnonzero(place < stop)
    place, stop, index, missing = place[kept], stop[kept], index[kept], missing[kept]
    kinds, kind = np.unique(missing @ [len(hit) + 1, 1], return_inverse=True)
    if len(kinds) > count:
        return None
    of_kind = np.stack(np.divmod(kinds, len(hit) + 1), axis=1)

    sums = np.concatenate([[0], np.cumsum(own * _precision(found, above))])[first]
    by_kind = np.argsort(kind, kind="stable")
    edges = np.searchsorted(kind[by_kind], np.arange(len(kinds) + 1))
    size = max(1, TERMS_AT_ONCE // (last + 1))
    for low in range(0, len(kinds), size):
        less = of_kind[low : low + size]
        table = np.zeros((len(less), last + 1))
        np.cumsum(own * _precision(found - less[:, :1], above - less[:, 1:]), axis=1, out=table[:, 1:])
        rows = by_kind[edges[low] : edges[low + len(less)]]
        line = kind[rows] - low
        sums += np.bincount(index[rows], table[line, stop[rows]] - table[line, place[rows]], count)

    # `own` still counts the patient's positives, each at the start of a stretch.
    gone = np.diff(missing[:, 0], prepend=0)
    gone[1:][index[1:] != index[:-1]] = missing[1:][index[1:] != index[:-1], 0]
    sums -= np.bincount(index, gone * _precision(found[place] - missing[:, 0], above[place] - missing[:, 1]), count)
    return ratio(sums, labels.sum() - positives)


def _precision(found: np.ndarray, above: np.ndarray) -> np.ndarray:
    """found / (found + above); 0 where there is none, and where more was taken away than is there."""
    found, above = np.maximum(found, 0), np.maximum(above, 0)
    called = found + above
    return np.divide(found, called, out=np.zeros_like(called), where=called > 0)
