"""Counts of positives and negatives by patient at fixed thresholds, of one class."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from monai_mocoi.metrics.calibration import probability_bins
from monai_mocoi.metrics.inputs import check_labels, patient_index


def one_column(labels: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of one finding or class, checked: ``(n,)`` bool and ``(n,)`` float64.

    ValueError: shapes that do not fit, labels other than 0 and 1, probabilities outside 0..1.
    """
    probability_bins(probabilities, 1)  # it checks each of them
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 1:
        raise ValueError(f"the probabilities have shape {probabilities.shape}; expected (images,): one class at a time")
    return check_labels(labels, probabilities.shape), probabilities


def sums_by_place(labels: np.ndarray, place: np.ndarray, places: int, patients: Any) -> csr_array:
    """Positive images of each patient in each place, and below them the negative ones: ``(2 places, patients)``."""
    index, count = patient_index(patients, len(labels))
    rows = np.where(labels, place, places + place)
    return csr_array((np.ones(len(rows)), (rows, index)), shape=(2 * places, count))


def sums_at_thresholds(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray, patients: Any
) -> csr_array:
    """:func:`sums_by_place`; the place of an image is how many of the ascending thresholds it reaches (``>=``)."""
    return sums_by_place(
        labels, np.searchsorted(thresholds, probabilities, side="right"), len(thresholds) + 1, patients
    )


def called_from(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """True and false positives at each threshold, ``(thresholds, resamples)``; all positives and negatives.

    ``sums``: ``(2 (thresholds + 1), resamples)``, of :func:`sums_at_thresholds`.
    """
    reached = sums.reshape(2, -1, sums.shape[1])[:, ::-1].cumsum(axis=1)[:, ::-1]
    return reached[0, 1:], reached[1, 1:], reached[0, 0], reached[1, 0]
