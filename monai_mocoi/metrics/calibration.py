"""Whether a probability of 0.7 means seven in ten."""

from __future__ import annotations

from typing import Any

import numpy as np

from monai_mocoi.metrics.inputs import check_labels, check_scores, check_weights
from monai_mocoi.metrics.ranking import ratio
from monai_mocoi.metrics.thresholds import one_hot


def probability_bins(probabilities: Any, bins: int) -> np.ndarray:
    """Bin of each probability: bin b of ``bins`` holds b/bins <= p < (b + 1)/bins; the last one holds p = 1 too.

    Raises:
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

    Bins of equal width (Naeini et al. 2015). Multi-label: a column a class, with the probability of the positive class
    and all images in it. Softmax: the confidence in the class of the highest probability (Guo et al. 2017), with
    ``expected_calibration_error(*top_label(labels, probabilities))``. The fewer images a bin
    holds, the more the value is biased upwards.

    Args:
        labels: ``(n,)`` or ``(n, classes)``, 0 or 1: the label, or whether the top label is right.
        probabilities: the same shape, 0..1.
        weights: ``(n,)``, 0 or more, one an image; None: 1 each.
        bins: 1 or more.

    Returns:
        float64 0..1 of shape ``()`` or ``(classes,)``; NaN where no image has weight.

    Raises:
        ValueError: shapes that do not fit, labels other than 0 and 1, probabilities outside 0..1.
    """
    place = probability_bins(probabilities, bins)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    labels = check_labels(labels, probabilities.shape)
    weights = check_weights(weights, len(labels))
    gaps = _sum_by_bin(labels, probabilities, place, bins, weights)
    return ratio(np.abs(gaps).sum(axis=0), weights.sum())


def _sum_by_bin(
    labels: np.ndarray, probabilities: np.ndarray, place: np.ndarray, bins: int, weights: np.ndarray
) -> np.ndarray:
    """Weighted sum of probability - label in each bin: ``(bins,)`` or ``(bins, classes)``."""
    gap = (weights * (probabilities - labels).T).T
    sums = np.zeros((bins, *gap.shape[1:]))
    if gap.ndim == 1:
        np.add.at(sums, place, gap)
    else:
        np.add.at(sums, (place, np.arange(gap.shape[1])), gap)
    return sums


def top_label(labels: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Whether the class of the highest probability is right, and that probability: for the calibration of softmax.

    Args:
        labels: ``(n,)`` class numbers 0..classes - 1.
        probabilities: ``(n, classes)``.

    Returns:
        ``(n,)`` bool and ``(n,)`` float64; of equally probable classes the first counts.

    Raises:
        ValueError: shapes that do not fit, a label that is no such number, probabilities that are not finite.
    """
    probabilities = check_scores(probabilities, "probabilities")
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(f"probabilities have shape {probabilities.shape}; expected ({len(labels)}, classes)")
    own = one_hot(labels, probabilities.shape[1])
    best = probabilities.argmax(axis=1)[:, None]
    return np.take_along_axis(own, best, axis=1)[:, 0], np.take_along_axis(probabilities, best, axis=1)[:, 0]
