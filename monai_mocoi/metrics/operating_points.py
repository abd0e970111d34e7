"""Operating points and net benefit: what calling images from a threshold does, and how a threshold is chosen."""

from typing import Any

import numpy as np

from monai_mocoi.metrics.patient_statistics import PatientStatistic, ratio, statistic_of_sums
from monai_mocoi.metrics.threshold_counts import called_from, one_column, sums_at_thresholds
from monai_mocoi.metrics.thresholds import candidate

OPERATING_MEASURES = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")


def threshold_for(target: str, at_least: float, labels: Any, probabilities: Any) -> float:
    """The threshold that reaches a wanted sensitivity with the best specificity, or the reverse.

    An image is called when ``probability >= threshold``. The candidates are those of
    :func:`~monai_mocoi.metrics.youden_threshold`: for a sensitivity the highest one that reaches it, for a specificity
    the lowest one.

    ``target``, ``at_least``: "sensitivity" or "specificity"; above 0, at most 1. ``labels``, ``probabilities``:
    ``(n,)``, 0 or 1; ``(n,)``, 0..1; of validation images, never of the reported ones. Returns the threshold; NaN where
    there is no positive or no negative image, or where no candidate reaches the specificity. ValueError: values or
    shapes other than these.
    """
    if target not in ("sensitivity", "specificity"):
        raise ValueError(f'target is {target!r}; expected "sensitivity" or "specificity"')
    if not 0 < at_least <= 1:
        raise ValueError(f"the wanted {target} is {at_least}; expected above 0 and at most 1")
    labels, probabilities = one_column(labels, probabilities)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return np.nan
    values, place = np.unique(probabilities, return_inverse=True)
    of_positives = np.bincount(place[labels], minlength=len(values))
    of_negatives = np.bincount(place[~labels], minlength=len(values))
    # At each candidate, the lowest of which calls everything. Compared as shares, as whoever checks it would.
    if target == "sensitivity":
        good = np.flatnonzero(of_positives[::-1].cumsum()[::-1] / positives >= at_least)
        best = int(good[-1])
    else:
        good = np.flatnonzero((of_negatives.cumsum() - of_negatives) / negatives >= at_least)
        if not len(good):
            return np.nan
        best = int(good[0])
    return candidate(values, best)


def operating_point_by_patient(labels: Any, probabilities: Any, patients: Any, thresholds: Any) -> PatientStatistic:
    """What each threshold gives on one class, for counts of patients.

    ``labels``, ``probabilities``: ``(n,)``, 0 or 1; ``(n,)``, 0..1. ``patients``: ``(n,)`` patient ids, one an image.
    ``thresholds``: one or more, in any order; each is taken as fixed; not NaN. Returns the statistic:
    ``(resamples, 4 thresholds)``, for each of ``OPERATING_MEASURES`` the thresholds in the order given; NaN where a
    predictive value has no meaning. Other values or shapes are refused with ValueError.
    """
    labels, probabilities = one_column(labels, probabilities)
    given = np.asarray(thresholds, dtype=np.float64)
    if given.ndim != 1 or np.isnan(given).any():
        raise ValueError(f"thresholds are {thresholds}; expected a list of numbers")
    cuts, order = np.unique(given, return_inverse=True)

    def combine(sums: np.ndarray) -> np.ndarray:
        true, false, positives, negatives = called_from(sums)
        missed, spared = positives - true, negatives - false
        measures = [
            ratio(true, positives),
            ratio(spared, negatives),
            ratio(true, true + false),
            ratio(spared, spared + missed),
        ]
        return np.concatenate([measure[order] for measure in measures]).T

    return statistic_of_sums(sums_at_thresholds(labels, probabilities, cuts, patients), combine)


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
