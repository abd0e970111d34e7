"""Net benefit: whether deciding by a classifier does more good than treating everybody, or nobody."""

from typing import Any

import numpy as np

from monai_mocoi.metrics.patient_statistics import PatientStatistic, ratio, statistic_of_sums
from monai_mocoi.metrics.threshold_counts import called_from, one_column, sums_at_thresholds


def net_benefit_by_patient(labels: Any, probabilities: Any, patients: Any, thresholds: Any) -> PatientStatistic:
    """Net benefit (Vickers and Elkin 2006) of one class at each threshold probability, for counts of patients.

    At the threshold t an image is treated when ``probability >= t``; the net benefit is TP / n - FP / n x t / (1 - t):
    one missed case is as bad as (1 - t) / t false alarms. Treating nobody has the net benefit 0.

    ``labels``, ``probabilities``: ``(n,)``, 0 or 1; ``(n,)``, 0..1. ``patients``: ``(n,)`` patient ids, one an image.
    ``thresholds``: ascending, above 0 and below 1; other values are refused with ValueError. Returns the statistic:
    ``(resamples, 3 thresholds)``: of the model, of treating everybody, and their difference.
    """
    labels, probabilities = one_column(labels, probabilities)
    cuts = np.asarray(thresholds, dtype=np.float64)
    if cuts.ndim != 1 or not len(cuts) or not ((cuts > 0) & (cuts < 1)).all() or (np.diff(cuts) <= 0).any():
        raise ValueError(f"thresholds are {thresholds}; expected ascending numbers above 0 and below 1")
    odds = (cuts / (1 - cuts))[:, None]

    def combine(sums: np.ndarray) -> np.ndarray:
        true, false, positives, negatives = called_from(sums)
        of_model, of_all = true - odds * false, positives - odds * negatives
        return ratio(np.concatenate([of_model, of_all, of_model - of_all]), positives + negatives).T

    return statistic_of_sums(sums_at_thresholds(labels, probabilities, cuts, patients), combine)
