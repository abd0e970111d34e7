"""Statistics that are functions of sums over images: a matrix product gives them for many resamples at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.calibration import probability_bins
from monai_mocoi.metrics.inputs import check_labels
from monai_mocoi.metrics.patient_statistics import PatientStatistic
from monai_mocoi.metrics.patients import patient_index


def statistic_of_sums(sums: csr_array, combine: Callable[[np.ndarray], np.ndarray]) -> PatientStatistic:
    """A statistic that needs of the images only some sums.

    Args:
        sums: ``(sums, patients)``, those of each patient's images.
        combine: from ``(sums, resamples)`` to ``(resamples, columns)``.

    Returns:
        the statistic, with its values without each patient in turn in closed form.
    """

    def left_out() -> np.ndarray:
        own = sums.toarray()
        return combine(own.sum(axis=1, keepdims=True) - own)

    return PatientStatistic(lambda counts: combine(sums @ counts), left_out)


def one_column(labels: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of one finding or class, checked.

    Returns:
        ``(n,)`` bool and ``(n,)`` float64.

    Raises:
        ValueError: shapes that do not fit, labels other than 0 and 1, probabilities outside 0..1.
    """
    probability_bins(probabilities, 1)  # it looks at each of them
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 1:
        raise ValueError(f"the probabilities have shape {probabilities.shape}; expected (images,): one class at a time")
    return check_labels(labels, probabilities.shape), probabilities


def sums_by_place(labels: np.ndarray, place: np.ndarray, places: int, patients: Any) -> csr_array:
    """Positive images of each patient in each place, and below them the negative ones: ``(2 places, patients)``.

    Args:
        labels: ``(n,)`` bool.
        place: ``(n,)`` 0..places - 1.
        places: how many.
        patients: ``(n,)`` patient ids.
    """
    index, count = patient_index(patients, len(labels))
    rows = np.where(labels, place, places + place)
    return csr_array((np.ones(len(rows)), (rows, index)), shape=(2 * places, count))


def called_from(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """True and false positives at each threshold, and all positives and negatives.

    Args:
        sums: ``(2 (thresholds + 1), resamples)``, of :func:`sums_by_place`, the place of an image being how many
            thresholds it reaches.

    Returns:
        two of ``(thresholds, resamples)`` and two of ``(resamples,)``.
    """
    reached = sums.reshape(2, -1, sums.shape[1])[:, ::-1].cumsum(axis=1)[:, ::-1]
    return reached[0, 1:], reached[1, 1:], reached[0, 0], reached[1, 0]


def thresholds_reached(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many of the ascending thresholds each probability reaches (``probability >= threshold``)."""
    return np.searchsorted(thresholds, probabilities, side="right")
