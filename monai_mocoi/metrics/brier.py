"""Brier score: the mean squared difference of probability and label."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.patient_statistics import PatientStatistic
from monai_mocoi.metrics.patients import patient_index
from monai_mocoi.metrics.ranking import ratio
from monai_mocoi.metrics.sums import one_column, statistic_of_sums


def brier_by_patient(labels: Any, probabilities: Any, patients: Any) -> PatientStatistic:
    """Brier score (Brier 1950) and Brier skill of one class, for counts of patients.

    The score is the mean of (probability - label)^2: 0 is perfect, and who always says the share of positives s gets
    s (1 - s). The skill is 1 - score / (s (1 - s)): 1 is perfect, 0 no better than always saying that share, below 0
    worse. s is the resample's own.

    Args:
        labels: ``(n,)``, 0 or 1.
        probabilities: ``(n,)``, 0..1.
        patients: ``(n,)`` patient ids, one an image.

    Returns:
        the statistic: ``(resamples, 2)``, score and skill; the skill is NaN where all labels are the same.

    Raises:
        ValueError: shapes that do not fit, labels other than 0 and 1, probabilities outside 0..1.
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
