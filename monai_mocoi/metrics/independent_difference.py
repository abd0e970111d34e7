"""Interval of a difference between two independent samples, from the interval of each (MOVER)."""

import math
from collections.abc import Sequence


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
