"""Calibration: expected calibration error, Brier score, and the points of a reliability diagram."""

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.auc import counted
from monai_mocoi.metrics.decisions import one_hot
from monai_mocoi.metrics.inputs import check_labels, check_scores, patient_index, ratio
from monai_mocoi.metrics.patient_statistics import PatientStatistic, column_statistic, of_images, statistic_of_sums


def probability_bins(probabilities: Any, bins: int) -> np.ndarray:
    """Bin of each probability 0..1: bin b of ``bins`` holds b/bins <= p < (b + 1)/bins; the last holds p = 1 too."""
    probabilities = check_scores(probabilities, "probabilities")
    if bins < 1:
        raise ValueError(f"bins is {bins}; expected at least 1")
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        raise ValueError(
            f"a probability is {probabilities[outside][0]}; calibration needs 0..1 (after softmax or sigmoid)"
        )
    return np.searchsorted(np.arange(1, bins) / bins, probabilities, side="right")


def expected_calibration_error(labels: Any, probabilities: Any, weights: Any = None, bins: int = 15) -> np.ndarray:
    """Expected calibration error: the mean over the images of their bin's |mean probability - share of positives|.

    Bins of equal width (Naeini et al. 2015). Multi-label: of each class by itself. Multiclass: of the confidence in the
    most probable class (Guo et al. 2017), with ``expected_calibration_error(*top_label(labels, probabilities))``. The
    fewer images a bin holds, the more the value is biased upwards.

    ``labels``: ``(n,)`` or ``(n, classes)``, 0 or 1: the label, or whether the top label is right. ``probabilities``:
    the same shape, 0..1. ``weights``: ``(n,)``, 0 or more, one an image; None: 1 each. ``bins``: 1 or more. Returns
    float64 0..1 of shape ``()`` or ``(classes,)``; NaN where no image has weight.
    """
    return of_images(partial(calibration_error_by_patient, bins=bins), labels, probabilities, weights)


def calibration_error_by_patient(labels: Any, probabilities: Any, patients: Any, bins: int = 15) -> PatientStatistic:
    """:func:`expected_calibration_error` for counts of patients: ``(resamples,)`` or ``(resamples, classes)``."""
    probability_bins(probabilities, bins)  # it checks each of them

    def prepare(labels: np.ndarray, said: np.ndarray, index: np.ndarray, count: int) -> PatientStatistic:
        values = np.append(said - labels, np.ones(len(said)))
        rows = np.append(probability_bins(said, bins), np.full(len(said), bins))  # the last row counts the images
        sums = csr_array((values, (rows, np.tile(index, 2))), shape=(bins + 1, count))
        return statistic_of_sums(sums, lambda sums: ratio(np.abs(sums[:-1]).sum(axis=0), sums[-1]))

    return column_statistic(labels, probabilities, patients, prepare)


def top_label(labels: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Whether the most probable class (the first of equal ones) is right, ``(n,)`` bool, and its probability.

    Takes ``(n,)`` class numbers and ``(n, classes)`` probabilities; ValueError for others.
    """
    probabilities = check_scores(probabilities, "probabilities")
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(f"probabilities have shape {probabilities.shape}; expected ({len(labels)}, classes)")
    own = one_hot(labels, probabilities.shape[1])
    best = probabilities.argmax(axis=1)[:, None]
    return np.take_along_axis(own, best, axis=1)[:, 0], np.take_along_axis(probabilities, best, axis=1)[:, 0]


def one_column(labels: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of one finding or class, checked: ``(n,)`` bool and ``(n,)`` float64."""
    probability_bins(probabilities, 1)  # it checks each of them
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 1:
        raise ValueError(f"the probabilities have shape {probabilities.shape}; expected (images,): one class at a time")
    return check_labels(labels, probabilities.shape), probabilities


def sums_by_place(labels: np.ndarray, place: np.ndarray, places: int, patients: Any) -> csr_array:
    """Positive images of each patient in each place, and below them the negative ones: ``(2 places, patients)``."""
    index, count = patient_index(patients, len(labels))
    return counted(np.where(labels, place, places + place), index, (2 * places, count))


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

    NaN where no image of a bin was drawn. Takes labels, probabilities and ids as :func:`brier_by_patient`.
    """
    labels, _ = one_column(labels, probabilities)

    def combine(sums: np.ndarray) -> np.ndarray:
        positive, negative = sums.reshape(2, -1, sums.shape[1])
        return ratio(positive, positive + negative).T

    return statistic_of_sums(sums_by_place(labels, place, int(place.max()) + 1, patients), combine)
