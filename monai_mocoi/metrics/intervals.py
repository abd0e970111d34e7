"""Confidence intervals and p-values from the values of a statistic over bootstrap resamples."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri


def _sorted_values(values: Any, level: float | None = None) -> np.ndarray:
    values = np.sort(np.asarray(values, dtype=np.float64), axis=0)
    if values.ndim == 0 or not np.isfinite(values).all():
        raise ValueError("a resample's value is not finite: redraw resamples where the statistic is undefined")
    if level is not None:
        if not 0 < level < 1:
            raise ValueError(f"level is {level}; expected above 0 and below 1, such as 0.95")
        if len(values) < (fewest := fewest_resamples(level)):
            raise ValueError(
                f"a {100 * level:g} % interval needs at least {fewest} bootstrap resamples, got {len(values)}"
            )
    return values


def fewest_resamples(level: float) -> int:
    """Fewest resamples for an interval of this level, above 0 and below 1: their ends are then among the values."""
    return round(2 / (1 - level)) - 1


def _quantile(ordered: np.ndarray, share: Any) -> np.ndarray:
    """Value at rank share x (B + 1) of B ordered ones, linear between ranks, at most the outermost."""
    last = len(ordered) - 1
    position = np.broadcast_to(np.clip(np.asarray(share) * (last + 2) - 1, 0, last), ordered.shape[1:])
    low = np.floor(position).astype(int)
    below = np.take_along_axis(ordered, low[None], axis=0)[0]
    above = np.take_along_axis(ordered, np.minimum(low + 1, last)[None], axis=0)[0]
    return below + (position - low) * (above - below)


def percentile_interval(values: Any, level: float = 0.95) -> np.ndarray:
    """Percentile interval (Efron 1979): the quantiles (1 - level)/2 and (1 + level)/2 of the resamples' values.

    The q-quantile of B values is the one of rank q (B + 1), linear between ranks (Davison and Hinkley 1997). Arguments,
    result and errors as for :func:`bca_interval`.
    """
    ordered = _sorted_values(values, level)
    return np.stack([_quantile(ordered, (1 - level) / 2), _quantile(ordered, (1 + level) / 2)])


def bias_and_acceleration(estimate: Any, values: Any, left_out: Any) -> tuple[np.ndarray, np.ndarray]:
    """z0 and a of the BCa interval (Efron 1987).

    z0 is the normal quantile of the share of resamples below the estimate, ties counting half, kept half a resample
    away from 0 and 1. a = sum d^3 / (6 (sum d^2)^1.5) with d = mean of the leave-one-out values - each of them; 0 where
    all are equal. Arguments as for :func:`bca_interval`.
    """
    estimate, values = np.asarray(estimate, dtype=np.float64), np.asarray(values, dtype=np.float64)
    left_out = np.asarray(left_out, dtype=np.float64)
    if not np.isfinite(left_out).all():
        raise ValueError(
            "cannot compute a BCa interval: all positive (or all negative) images of a class come from one patient"
        )
    count = len(values)
    share = ((values < estimate).sum(axis=0) + 0.5 * (values == estimate).sum(axis=0)) / count
    bias = ndtri(np.clip(share, 0.5 / count, 1 - 0.5 / count))
    distance = left_out.mean(axis=0) - left_out
    # Differences by rounding alone count as 0.
    distance[np.abs(distance) <= 1e-14 * np.abs(left_out).max(axis=0, initial=0)] = 0
    square = distance * distance
    spread = square.sum(axis=0) ** 1.5
    skew = (square * distance).sum(axis=0)
    return bias, _divided(skew, 6 * spread, 0)


def _divided(numerator: np.ndarray, denominator: np.ndarray, otherwise: Any) -> np.ndarray:
    """Quotient where the denominator is above 0, and ``otherwise`` elsewhere."""
    above = denominator > 0
    return np.where(above, numerator / np.where(above, denominator, 1), otherwise)


def bca_interval(estimate: Any, values: Any, left_out: Any, level: float = 0.95) -> np.ndarray:
    """Bias-corrected and accelerated interval (Efron 1987).

    The quantiles of :func:`percentile_interval` at Phi(z0 + (z0 + z) / (1 - a (z0 + z))), with z0 and a of
    :func:`bias_and_acceleration`.

    ``estimate``: ``()`` or ``(columns,)``, of the whole sample; ``values``: ``(resamples,)`` or
    ``(resamples, columns)``, finite; ``left_out``: ``(patients,)`` or ``(patients, columns)``, each patient left out in
    turn, finite; ``level``: 0..1. Returns ``(2,)`` or ``(2, columns)``. Raises ValueError for values that are not
    finite, or too few for the level.
    """
    ordered = _sorted_values(values, level)
    bias, acceleration = bias_and_acceleration(estimate, ordered, left_out)
    limits = []
    for z in (ndtri((1 - level) / 2), ndtri((1 + level) / 2)):
        stretch = 1 - acceleration * (bias + z)
        # A stretch of 0 or less lies beyond what the formula can correct: the outermost value on that side.
        moved = _divided(bias + z, stretch, np.sign(z) * np.inf)
        limits.append(_quantile(ordered, ndtr(bias + moved)))
    return np.stack(limits)


def bootstrap_p_value(values: Any, null: float = 0, bias: Any = 0, acceleration: Any = 0) -> np.ndarray:
    """Two-sided p-value by interval inversion: the alpha above which the interval of level 1 - alpha excludes ``null``.

    For the percentile interval of B resamples that is twice the rank of ``null`` among their values / (B + 1), from the
    nearer end. For BCa this share is transformed back by its formula first. A ``null`` beyond all values has the rank
    1, so that the p-value is never 0.

    ``values``: ``(resamples,)`` or ``(resamples, columns)``, finite; of a difference, for instance. ``null``: the value
    to be excluded. ``bias``, ``acceleration``: of :func:`bias_and_acceleration` for the BCa interval; 0 for the
    percentile interval. Returns ``()`` or ``(columns,)``, from 2 / (B + 1), the least that B resamples can give, to 1.
    """
    ordered = _sorted_values(values)
    least = 1 / (len(ordered) + 1)
    # The lower limit excludes the null from the last share on whose quantile is the null, the upper one to the first.
    shares = (_share_at(ordered, null, ordered <= null), _share_at(ordered, null, ordered < null))
    bias, acceleration = np.asarray(bias, dtype=np.float64), np.asarray(acceleration, dtype=np.float64)
    tails = []
    for share in shares:
        away = ndtri(np.clip(share, least, 1 - least)) - bias
        # A stretch of 0 or less: no alpha moves the limit as far as this share.
        back = _divided(away, 1 + acceleration * away, np.where(acceleration > 0, -np.inf, np.inf))
        tails.append(ndtr(back - bias))
    return np.clip(2 * np.minimum(tails[0], 1 - tails[1]), 2 * least, 1)


def _share_at(ordered: np.ndarray, null: float, passed: np.ndarray) -> np.ndarray:
    """Share whose :func:`_quantile` is ``null``, with the values that were passed before it as bool."""
    ranks, last = passed.sum(axis=0), len(ordered) - 1
    below = np.take_along_axis(ordered, np.clip(ranks - 1, 0, last)[None], axis=0)[0]
    above = np.take_along_axis(ordered, np.clip(ranks, 0, last)[None], axis=0)[0]
    return (ranks + _divided(null - below, above - below, 0)) / (len(ordered) + 1)


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
