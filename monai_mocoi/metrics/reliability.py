"""Reliability diagram: the observed share of positives beside the mean predicted probability, bin by bin."""

from typing import Any

import numpy as np

from monai_mocoi.metrics.patient_statistics import PatientStatistic, ratio, statistic_of_sums
from monai_mocoi.metrics.threshold_counts import one_column, sums_by_place


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
