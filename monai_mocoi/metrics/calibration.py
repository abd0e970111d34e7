"""Expected calibration error: whether a probability of 0.7 is right in seven of ten images."""

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.inputs import check_scores
from monai_mocoi.metrics.patient_statistics import (
    PatientStatistic,
    column_statistic,
    of_images,
    ratio,
    statistic_of_sums,
)
from monai_mocoi.metrics.thresholds import one_hot


def probability_bins(probabilities: Any, bins: int) -> np.ndarray:
    """Bin of each probability: bin b of ``bins`` holds b/bins <= p < (b + 1)/bins; the last one holds p = 1 too.

    ValueError: probabilities outside 0..1, or fewer than 1 bin.
    """
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

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1: the label, or whether the top label is right.
        probabilities: the same shape, 0..1.
        weights: ``(n,)``, 0 or more, one an image; None: 1 each.
        bins: 1 or more.

    Returns:
        float64 0..1 of shape ``()`` or ``(classes,)``; NaN where no image has weight.
    """
    return of_images(partial(calibration_error_by_patient, bins=bins), labels, probabilities, weights)


def calibration_error_by_patient(labels: Any, probabilities: Any, patients: Any, bins: int = 15) -> PatientStatistic:
    """:func:`expected_calibration_error` for counts of patients: ``(resamples,)`` or ``(resamples, classes)``.

    Arguments and errors as there, with ``patients``: ``(n,)`` patient ids, one an image.
    """
    probability_bins(probabilities, bins)  # it checks each of them

    def prepare(labels: np.ndarray, said: np.ndarray, index: np.ndarray, count: int) -> PatientStatistic:
        values = np.append(said - labels, np.ones(len(said)))
        rows = np.append(probability_bins(said, bins), np.full(len(said), bins))  # the last row counts the images
        sums = csr_array((values, (rows, np.tile(index, 2))), shape=(bins + 1, count))
        return statistic_of_sums(sums, lambda sums: ratio(np.abs(sums[:-1]).sum(axis=0), sums[-1]))

    return column_statistic(labels, probabilities, patients, prepare)


def top_label(labels: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Whether the most probable class is right, ``(n,)`` bool, and its probability: for multiclass calibration.

    Of equally probable classes the first counts. Takes ``(n,)`` class numbers and ``(n, classes)`` probabilities;
    raises ValueError for shapes that do not fit, a label that is no such number, or probabilities that are not finite.
    """
    probabilities = check_scores(probabilities, "probabilities")
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(f"probabilities have shape {probabilities.shape}; expected ({len(labels)}, classes)")
    own = one_hot(labels, probabilities.shape[1])
    best = probabilities.argmax(axis=1)[:, None]
    return np.take_along_axis(own, best, axis=1)[:, 0], np.take_along_axis(probabilities, best, axis=1)[:, 0]
