"""Interval by the jackknife over patients: for statistics that resampling with repeated rows would spoil."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import stdtrit


def jackknife_interval(value: Any, left_out: Any, level: float = 0.95) -> np.ndarray:
    """Interval of a correlation-like number by leaving out each patient in turn (Tukey 1958).

    The variance is ``(P - 1) / P`` times the sum of squares of the P left-out values around their mean.

    Args:
        value: ``(...)``, -1..1, of all patients.
        left_out: ``(patients, ...)``, without each patient in turn; two patients or more.
        level: above 0 and below 1.

    Returns:
        ``(2, ...)``: lower and upper limit, within -1..1.

    Raises:
        ValueError: fewer than two patients, or values that are not finite.
    """
    value, left_out = np.asarray(value, dtype=np.float64), np.asarray(left_out, dtype=np.float64)
    count = len(left_out)
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected above 0 and below 1, such as 0.95")
    if count < 2:
        raise ValueError(f"a jackknife over patients needs two or more, but there are {count}")
    if not (np.isfinite(value).all() and np.isfinite(left_out).all()):
        raise ValueError("the number is undefined without one of the patients, so there is no interval over patients")
    variance = (count - 1) / count * np.square(left_out - left_out.mean(axis=0)).sum(axis=0)
    reach = stdtrit(count - 1, (1 + level) / 2) * np.sqrt(variance)
    return np.clip(np.stack([value - reach, value + reach]), -1, 1)
