"""Jackknife interval over patients, for numbers that resampling with repeated rows would bias."""

from typing import Any

import numpy as np
from scipy.special import stdtrit

NEAR_ONE = 1e-6  # this close to 1 or -1 a left-out value is no more than rounding away from it


def jackknife_interval(value: Any, left_out: Any, level: float = 0.95) -> np.ndarray:
    """Interval of a correlation, or a similar number, by leaving out each patient in turn (Tukey 1958).

    On Fisher's scale ``z = artanh(value)``: the variance is ``(P - 1) / P`` times the sum of squares of the P left-out
    z around their mean, the limits ``tanh(z -+ t sqrt(variance))`` with t of P - 1 degrees of freedom. Where a left-out
    value is 1 up to rounding, the same without the transformation, cut off at 1. The variance of unrelated features is
    overestimated (Efron and Stein 1981): the interval is then too wide, not too narrow.

    ``value``, ``left_out``: ``(...)`` of all patients and ``(patients, ...)`` without each in turn, -1..1, finite;
    ``level``: above 0 and below 1. Returns ``(2, ...)``: lower and upper limit, within -1..1.
    """
    value, left_out = np.asarray(value, dtype=np.float64), np.asarray(left_out, dtype=np.float64)
    count = len(left_out)
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected above 0 and below 1, such as 0.95")
    if count < 2:
        raise ValueError(f"a jackknife over patients needs two or more patients, got {count}")
    if not (np.isfinite(value).all() and np.isfinite(left_out).all()):
        raise ValueError("the number is undefined without one of the patients, so there is no interval over patients")
    times = stdtrit(count - 1, (1 + level) / 2)
    near = np.maximum(np.abs(left_out).max(axis=0), np.abs(value)) > 1 - NEAR_ONE
    plain = np.clip(value + times * np.array([-1, 1]).reshape(2, *[1] * value.ndim) * _error(left_out), -1, 1)
    z, z_left_out = np.arctanh(np.where(near, 0, value)), np.arctanh(np.where(near, 0, left_out))
    reach = times * _error(z_left_out)
    return np.where(near, plain, np.tanh(np.stack([z - reach, z + reach])))


def _error(left_out: np.ndarray) -> np.ndarray:
    """Standard error."""
    count = len(left_out)
    return np.sqrt((count - 1) / count * np.square(left_out - left_out.mean(axis=0)).sum(axis=0))
