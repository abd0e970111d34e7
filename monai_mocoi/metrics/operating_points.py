"""Operating points and net benefit: what calling images from a threshold does, and how a threshold is chosen."""

from collections.abc import Callable
from typing import Any

import numpy as np

from monai_mocoi.metrics.calibration import one_column, sums_by_place
from monai_mocoi.metrics.decisions import candidate
from monai_mocoi.metrics.inputs import ratio
from monai_mocoi.metrics.patient_statistics import PatientStatistic, statistic_of_sums

OPERATING_MEASURES = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")


def threshold_for(target: str, at_least: float, labels: Any, probabilities: Any) -> float:
    """The threshold that reaches a wanted sensitivity with the best specificity, or the reverse.

    Of the candidates of :func:`~monai_mocoi.metrics.youden_threshold` that is the highest one that reaches the
    sensitivity, or the lowest one that reaches the specificity. NaN where there is no positive or no negative image, or
    where no candidate reaches the specificity.

    ``target``, ``at_least``: "sensitivity" or "specificity"; above 0, at most 1. ``labels``, ``probabilities``:
    ``(n,)``, 0 or 1; ``(n,)``, 0..1; of validation images, never of the reported ones. Others: ValueError.
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
    """What each threshold gives on one class, for counts of patients: ``(resamples, 4 thresholds)``.

    For each of ``OPERATING_MEASURES`` the thresholds in the order given; NaN where a predictive value has no meaning.
    ``labels``, ``probabilities``, ``patients``: ``(n,)``, 0 or 1; ``(n,)``, 0..1; ``(n,)`` ids. ``thresholds``: one or
    more, in any order, taken as fixed; not NaN. Others: ValueError.
    """
    labels, probabilities = one_column(labels, probabilities)
    given = np.asarray(thresholds, dtype=np.float64)
    if given.ndim != 1 or np.isnan(given).any():
        raise ValueError(f"thresholds are {thresholds}; expected a list of numbers")
    cuts, order = np.unique(given, return_inverse=True)

    def measures(true: np.ndarray, false: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
        spared = negatives - false
        predictive = ratio(true, true + false), ratio(spared, spared + positives - true)
        found = ratio(true, positives), ratio(spared, negatives), *predictive
        return np.concatenate([measure[order] for measure in found])

    return _statistic_of_called(labels, probabilities, cuts, patients, measures)


def net_benefit_by_patient(labels: Any, probabilities: Any, patients: Any, thresholds: Any) -> PatientStatistic:
    """Net benefit (Vickers and Elkin 2006) of one class at each threshold probability, for counts of patients.

    At the threshold t an image is treated when ``probability >= t``; the net benefit is TP / n - FP / n x t / (1 - t):
    one missed case is as bad as (1 - t) / t false alarms. Treating nobody has the net benefit 0. Arguments as for
    :func:`operating_point_by_patient`; the thresholds ascend, above 0 and below 1. Returns the statistic,
    ``(resamples, 3 thresholds)``: of the model, of treating everybody, and their difference.
    """
    labels, probabilities = one_column(labels, probabilities)
    cuts = np.asarray(thresholds, dtype=np.float64)
    if cuts.ndim != 1 or not len(cuts) or not ((cuts > 0) & (cuts < 1)).all() or (np.diff(cuts) <= 0).any():
        raise ValueError(f"thresholds are {thresholds}; expected ascending numbers above 0 and below 1")
    odds = (cuts / (1 - cuts))[:, None]

    def measures(true: np.ndarray, false: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
        of_model, of_all = true - odds * false, positives - odds * negatives
        return ratio(np.concatenate([of_model, of_all, of_model - of_all]), positives + negatives)

    return _statistic_of_called(labels, probabilities, cuts, patients, measures)


def _statistic_of_called(
    labels: np.ndarray, probabilities: np.ndarray, cuts: np.ndarray, patients: Any, measures: Callable[..., np.ndarray]
) -> PatientStatistic:
    """A statistic of the true and false positives at each ascending cut, ``(cuts, resamples)``, and of all of either.

    The place of an image is how many of the cuts it reaches (``>=``).
    """
    places = np.searchsorted(cuts, probabilities, side="right")

    def combine(sums: np.ndarray) -> np.ndarray:
        reached = sums.reshape(2, -1, sums.shape[1])[:, ::-1].cumsum(axis=1)[:, ::-1]
        return measures(reached[0, 1:], reached[1, 1:], reached[0, 0], reached[1, 0]).T

    return statistic_of_sums(sums_by_place(labels, places, len(cuts) + 1, patients), combine)
