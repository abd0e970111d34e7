"""Brier score: the mean squared difference of probability and label."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.patient_statistics import PatientStatistic, ratio, statistic_of_sums
from monai_mocoi.metrics.patients import patient_index
from monai_mocoi.metrics.threshold_counts import one_column


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
