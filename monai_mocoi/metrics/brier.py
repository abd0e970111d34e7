"""Brier score, and the points of a reliability diagram: how near probabilities are to what is observed."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.inputs import patient_index
from monai_mocoi.metrics.patient_statistics import PatientStatistic, ratio, statistic_of_sums
from monai_mocoi.metrics.threshold_counts import one_column, sums_by_place


def brier_by_patient(labels: Any, probabilities: Any, patients: Any) -> PatientStatistic:
    """Brier score (Brier 1950) and Brier skill of one class, for counts of patients: ``(resamples, 2)``.

    The score is the mean of (probability - label)^2; always giving the share of positives s scores s (1 - s). The skill
    is 1 - score / (s (1 - s)): 1 is perfect, 0 no better than that share, NaN where all labels are the same. s is the
    resample's own. Takes labels ``(n,)``, 0 or 1, probabilities ``(n,)``, 0..1, and patient ids ``(n,)``.
    """
    labels, probabilities = one_column(labels, probabilities)
    index, count = patient_index(patients, len(labels))
    n = len(labels)
    values = np.concatenate([(probabilities - labels) ** 2, labels, np.ones(n)])
    sums = csr_array((values, (np.repeat([0, 1, 2], n), np.tile(index, 3))), shape=(3, count))

    def combine(sums: np.ndarray) -> np.ndarray:
        score, share = ratio(sums[0], sums[2]), ratio(sums[1], sums[2])
        return np.stack([score, 1 - ratio(score, share * (1 - share))], axis=1)

    return statistic_of_sums(sums, combine)


def equal_count_bins(probabilities: Any, bins: int) -> np.ndarray:
    """Bin ``(n,)`` of each probability, from 0: ``bins`` of about equal counts, fewer with few distinct values.

    Between quantiles, as scikit-learn's ``calibration_curve``.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    edges = np.percentile(probabilities, np.linspace(0, 1, bins + 1) * 100)[1:-1]
    return np.unique(np.searchsorted(edges, probabilities), return_inverse=True)[1]


def observed_share_by_patient(labels: Any, probabilities: Any, patients: Any, place: np.ndarray) -> PatientStatistic:
    """Share of positives in each bin of ``place``, for counts of patients: ``(resamples, bins)``.

    NaN where no image of a bin was drawn. Takes labels ``(n,)``, 0 or 1, probabilities ``(n,)``, 0..1, and ids
    ``(n,)``.
    """
    labels, _ = one_column(labels, probabilities)

    def combine(sums: np.ndarray) -> np.ndarray:
        positive, negative = sums.reshape(2, -1, sums.shape[1])
        return ratio(positive, positive + negative).T

    return statistic_of_sums(sums_by_place(labels, place, int(place.max()) + 1, patients), combine)
