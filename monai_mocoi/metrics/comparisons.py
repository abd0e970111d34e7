"""Comparisons: p-values from resamples, Holm's correction, and differences of independent samples."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from monai_mocoi.metrics.inputs import ratio, sorted_values


def bootstrap_p_value(values: Any, null: float = 0, bias: Any = 0, acceleration: Any = 0) -> np.ndarray:
    """Two-sided p-value by interval inversion: the alpha above which the interval of level 1 - alpha excludes ``null``.

    For the percentile interval of B resamples that is twice the rank of ``null`` among their values / (B + 1), from the
    nearer end. For BCa this share is transformed back by its formula first. A ``null`` beyond all values has the rank
    1, so that the p-value is never 0.

    ``values``: ``(resamples,)`` or ``(resamples, columns)``, finite; of a difference, for instance. ``bias``,
    ``acceleration``: of :func:`~monai_mocoi.metrics.bias_and_acceleration` for the BCa interval; 0 for the percentile
    interval. Returns ``()`` or ``(columns,)``, from 2 / (B + 1) to 1.
    """
    ordered = sorted_values(values)
    least = 1 / (len(ordered) + 1)
    bias, acceleration = np.asarray(bias, dtype=np.float64), np.asarray(acceleration, dtype=np.float64)
    tails = []
    # The lower limit excludes the null from the last share on whose quantile is the null, the upper one to the first.
    for passed in (ordered <= null, ordered < null):
        away = ndtri(np.clip(_share_at(ordered, null, passed), least, 1 - least)) - bias
        # A stretch of 0 or less: no alpha moves the limit as far as this share.
        back = ratio(away, 1 + acceleration * away, np.where(acceleration > 0, -np.inf, np.inf))
        tails.append(ndtr(back - bias))
    return np.clip(2 * np.minimum(tails[0], 1 - tails[1]), 2 * least, 1)


def _share_at(ordered: np.ndarray, null: float, passed: np.ndarray) -> np.ndarray:
    """Share whose quantile is ``null``, with the values that were passed before it as bool."""
    ranks, last = passed.sum(axis=0), len(ordered) - 1
    below = np.take_along_axis(ordered, np.clip(ranks - 1, 0, last)[None], axis=0)[0]
    above = np.take_along_axis(ordered, np.clip(ranks, 0, last)[None], axis=0)[0]
    return (ranks + ratio(null - below, above - below, 0)) / (len(ordered) + 1)


def holm(p_values: Any) -> NDArray[np.float64]:
    """Adjust p-values ``(m,)`` for their number by the step-down method of Holm (Scand. J. Statist. 1979, 6:65-70).

    The smallest of ``m`` p-values is multiplied by ``m``, the next by ``m - 1`` and so on; none becomes smaller than
    that of a smaller p-value, nor larger than 1. Claiming wherever the adjusted p-value is at most ``level`` makes a
    false claim with probability ``level`` at most, whatever the dependence between the tests. ValueError: another
    shape, or a value that is NaN or outside of 0..1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(f"p_values has the shape {p.shape}; expected one dimension")
    outside = ~((p >= 0) & (p <= 1))
    if outside.any():
        raise ValueError(f"p_values holds {p[outside][0]}; expected 0..1")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted


def interval_of_difference(
    first: float, interval_of_first: Sequence[float], second: float, interval_of_second: Sequence[float]
) -> tuple[float, float]:
    """Interval of ``first - second``, two estimates from independent samples, from their intervals of the same level.

    The variance of each sample is recovered from the relevant side of its interval ("MOVER": Zou and Donner, Stat. Med.
    2008; Newcombe 1998), so that asymmetric intervals give an asymmetric one. An estimate outside its own interval,
    which bias correction can cause, has a distance of 0 on that side.
    """
    (low_1, high_1), (low_2, high_2) = interval_of_first, interval_of_second
    difference = first - second
    return (
        difference - math.hypot(max(0.0, first - low_1), max(0.0, high_2 - second)),
        difference + math.hypot(max(0.0, high_1 - first), max(0.0, second - low_2)),
    )
