"""Area under the ROC curve (AUC): by image, by patient, and without each patient in turn."""

from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.inputs import ratio
from monai_mocoi.metrics.patient_statistics import PatientStatistic, column_statistic, of_images


def roc_auc(labels: Any, scores: Any, weights: Any = None) -> np.ndarray:
    """Area under the ROC curve: the chance that a positive image scores higher than a negative one; a tie counts half.

    ``labels``: ``(n,)`` or ``(n, classes)``, 0 or 1; each column by itself. ``scores``: the same shape, finite; higher
    means more likely positive. ``weights``: ``(n,)``, 0 or more; an integer is the same as repeating the image; None: 1
    each. Others: ValueError. Returns float64 0..1 of shape ``()`` or ``(classes,)``; NaN where a class has no positive
    or no negative image of weight above 0.
    """
    return of_images(roc_auc_by_patient, labels, scores, weights)


def roc_auc_by_patient(labels: Any, scores: Any, patients: Any) -> PatientStatistic:
    """:func:`roc_auc` of each class for counts of patients, ``(resamples,)`` or ``(resamples, classes)``.

    ``patients``: ``(n,)`` ids, one an image. All sums are of whole numbers and exact, so the value is the same to the
    last bit in any order of the images.
    """
    return column_statistic(labels, scores, patients, _of_column)


def _of_column(labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int) -> PatientStatistic:
    # Whoever asks for the value of all patients and without each one needs no sums, and other way round.
    sums = cache(lambda: _sums(labels, scores, index, count))
    areas = cache(lambda: _areas(labels, scores, index, count))

    def statistic(counts: np.ndarray) -> np.ndarray:
        beaten, positives, of_patient = sums()
        twice = beaten @ counts
        np.cumsum(twice, axis=0, out=twice)
        won = np.einsum("gr,gr->r", positives @ counts, twice)
        pairs = (of_patient[0] @ counts) * (of_patient[1] @ counts)
        return ratio(won, 2 * pairs)

    return PatientStatistic(statistic, lambda: areas()[1], lambda: areas()[0])


def _sums(
    labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int
) -> tuple[csr_array, csr_array, list[np.ndarray]]:
    """One row for each distinct score of a positive, ascending; there, the negatives beaten twice and ties once.

    Each row of the first is what the row before lacks: a negative adds 1 from the first score that is no lower than its
    own, and 1 from the first that is higher. Then the positives of each row, and all of either side by patient.
    """
    values, place = np.unique(scores[labels], return_inverse=True)
    shape = len(values), count
    negative = scores[~labels]
    steps = np.concatenate([np.searchsorted(values, negative, "left"), np.searchsorted(values, negative, "right")])
    positives = counted(place, index[labels], shape)
    beaten = counted(steps, np.tile(index[~labels], 2), shape)
    of_patient = [np.bincount(index[side], minlength=count).astype(np.float64) for side in (labels, ~labels)]
    return beaten, positives, of_patient


def counted(rows: np.ndarray, index: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """How many images of each patient fall into each row, ``(rows, patients)``; rows past the last are dropped."""
    kept = rows < shape[0]
    return csr_array((np.ones(int(kept.sum())), (rows[kept], index[kept])), shape=shape)


def _areas(labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The AUC of all patients, ``()``, and without each in turn, ``(patients,)``, from one sort.

    Of all pairs of a positive and a negative those of the patient's positives and those of the patient's negatives go;
    the pairs within the patient, which are among both, go once. All sums are of whole numbers and exact.
    """
    rank = np.unique(scores, return_inverse=True)[1]
    of_positive, of_negative = index[labels], index[~labels]
    positives, negatives = np.bincount(of_positive, minlength=count), np.bincount(of_negative, minlength=count)
    won = _twice_below(~labels, rank)[labels]
    lost = 2 * len(of_positive) - _twice_below(labels, rank)[~labels]

    # Within their patient, of those who have both: ranked together, a positive also beats the patients before.
    both = (positives > 0) & (negatives > 0)
    kept = both[index]
    patient, positive = index[kept], labels[kept]
    of_pair = np.unique(patient * len(scores) + rank[kept], return_inverse=True)[1]
    within = np.where(both, negatives, 0)
    before = np.cumsum(within) - within
    of_own = (_twice_below(~positive, of_pair) - 2 * before[patient])[positive]

    left = won.sum() - np.bincount(of_positive, won, count) - np.bincount(of_negative, lost, count)
    left += np.bincount(patient[positive], of_own, count)
    pairs = (len(of_positive) - positives) * (len(of_negative) - negatives)
    return ratio(won.sum(), 2 * len(of_positive) * len(of_negative)), ratio(left, 2 * pairs)


def _twice_below(side: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Of each image: those of a side with a lower rank counted twice, and those with its own once; exact."""
    found = np.bincount(rank[side], minlength=int(rank.max(initial=-1)) + 1)
    return (2 * np.cumsum(found) - found)[rank]


def twice_beaten(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of the others, those below each value counted twice and those equal to it once: ``(n,)`` integers, exact."""
    others = np.sort(others)
    return np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")
