"""A statistic on resamples of patients: its values, and their percentile and BCa confidence intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy.special import ndtr, ndtri

from monai_mocoi.metrics.comparisons import bootstrap_p_value
from monai_mocoi.metrics.inputs import ratio, sorted_values


@dataclass(frozen=True, eq=False)
class Bootstrapped:
    """A statistic on the whole sample, ``()`` or ``(columns,)``, and on resamples, ``(resamples[, columns])``.

    ``resamples``: what it was evaluated on; two are subtracted only where it is the same. ``evaluate_left_out``:
    computes :attr:`left_out`, which is slow and needed by BCa only.
    """

    estimate: np.ndarray
    values: np.ndarray
    resamples: object
    evaluate_left_out: Callable[[], np.ndarray]

    @cached_property
    def left_out(self) -> np.ndarray:
        """``(patients,)`` or ``(patients, columns)``: the value without each patient in turn (jackknife)."""
        return self.evaluate_left_out()

    def mean(self) -> Self:
        """Mean over the columns: from the classes' AUC to the macro AUC."""
        if self.values.ndim == 1:
            raise ValueError("the statistic has one value a resample: there are no columns to average")
        return self._combined([self], lambda values: values.mean(axis=-1))

    def take(self, columns: Any) -> Self:
        """Some of the columns, by their numbers or by one bool a column."""
        return self._combined([self], lambda values: values[..., columns])

    def __sub__(self, other: Self) -> Self:
        if self.resamples is not other.resamples:
            raise ValueError("a paired difference needs both statistics on the same resamples: apply both to one draw")
        return self._combined([self, other], lambda own, others: own - others)

    def kept(self, method: str) -> Self:
        """The same numbers, for intervals of a method, without the statistic, which may hold many images."""
        if not _is_bca(method):
            return self
        left_out = self.left_out
        return type(self)(self.estimate, self.values, self.resamples, lambda: left_out)

    @classmethod
    def mean_of(cls, several: Sequence[Self]) -> Self:
        """Mean of several statistics on the same resamples, such as of runs tested on the same patients.

        Its interval is over the patients, at exactly these runs: it does not include the variation between runs.
        """
        if not several or any(own.resamples is not several[0].resamples for own in several):
            raise ValueError("a mean needs one or more statistics on the same resamples: apply all to one draw")
        return cls._combined(several, lambda *values: np.mean(values, axis=0))

    @classmethod
    def _combined(cls, several: Sequence[Self], function: Callable[..., np.ndarray]) -> Self:
        return cls(
            function(*(own.estimate for own in several)),
            function(*(own.values for own in several)),
            several[0].resamples,
            lambda: function(*(own.left_out for own in several)),
        )

    def interval(self, method: str, level: float = 0.95) -> np.ndarray:
        """:func:`percentile_interval` ("percentile") or :func:`bca_interval` ("bca"): ``(2,)`` or ``(2, columns)``."""
        if _is_bca(method):
            return bca_interval(self.estimate, self.values, self.left_out, level)
        return percentile_interval(self.values, level)

    def p_value(self, method: str, null: float = 0) -> np.ndarray:
        """Two-sided p-value by inversion of that interval (:func:`~monai_mocoi.metrics.bootstrap_p_value`), never 0."""
        shape = bias_and_acceleration(self.estimate, self.values, self.left_out) if _is_bca(method) else ()
        return bootstrap_p_value(self.values, null, *shape)


def _is_bca(method: str) -> bool:
    if method not in ("percentile", "bca"):
        raise ValueError(f'method is {method!r}; expected "percentile" or "bca"')
    return method == "bca"


def percentile_interval(values: Any, level: float = 0.95) -> np.ndarray:
    """Percentile interval (Efron 1979): the quantiles (1 - level)/2 and (1 + level)/2 of the resamples' values.

    The q-quantile of B values is the one of rank q (B + 1), linear between ranks (Davison and Hinkley 1997).
    """
    ordered = _enough(values, level)
    return np.stack([_quantile(ordered, (1 - level) / 2), _quantile(ordered, (1 + level) / 2)])


def fewest_resamples(level: float) -> int:
    """Fewest resamples for an interval of this level, above 0 and below 1: their ends are then among the values."""
    return round(2 / (1 - level)) - 1


def _enough(values: Any, level: float) -> np.ndarray:
    ordered = sorted_values(values)
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected above 0 and below 1, such as 0.95")
    count, fewest = len(ordered), fewest_resamples(level)
    if count < fewest:
        raise ValueError(f"a {100 * level:g} % interval needs at least {fewest} bootstrap resamples, got {count}")
    return ordered


def _quantile(ordered: np.ndarray, share: Any) -> np.ndarray:
    """Value at rank share x (B + 1) of B ordered ones, linear between ranks, at most the outermost."""
    last = len(ordered) - 1
    position = np.broadcast_to(np.clip(np.asarray(share) * (last + 2) - 1, 0, last), ordered.shape[1:])
    low = np.floor(position).astype(int)
    below = np.take_along_axis(ordered, low[None], axis=0)[0]
    above = np.take_along_axis(ordered, np.minimum(low + 1, last)[None], axis=0)[0]
    return below + (position - low) * (above - below)


def bias_and_acceleration(estimate: Any, values: Any, left_out: Any) -> tuple[np.ndarray, np.ndarray]:
    """z0 and a of :func:`bca_interval`, which has the same arguments.

    z0 is the normal quantile of the share of resamples below the estimate, ties counting half, kept half a resample
    away from 0 and 1. a = sum d^3 / (6 (sum d^2)^1.5), d = mean of the left-out values - each; 0 where all are equal.
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
    return bias, ratio((square * distance).sum(axis=0), 6 * square.sum(axis=0) ** 1.5, 0)


def bca_interval(estimate: Any, values: Any, left_out: Any, level: float = 0.95) -> np.ndarray:
    """Bias-corrected and accelerated interval (Efron 1987): quantiles at Phi(z0 + (z0 + z) / (1 - a (z0 + z))).

    ``estimate``: ``()`` or ``(columns,)``, of the whole sample; ``values``: ``(resamples,)`` or
    ``(resamples, columns)``; ``left_out``: ``(patients,)`` or ``(patients, columns)``, each patient left out in turn;
    ``level``: above 0 and below 1. Returns ``(2,)`` or ``(2, columns)``. ValueError: values that are not finite, or too
    few for the level.
    """
    ordered = _enough(values, level)
    bias, acceleration = bias_and_acceleration(estimate, ordered, left_out)
    limits = []
    for z in (ndtri((1 - level) / 2), ndtri((1 + level) / 2)):
        # Where this is 0 or less, it is beyond what the formula can correct: the outermost value on that side.
        stretch = 1 - acceleration * (bias + z)
        limits.append(_quantile(ordered, ndtr(bias + ratio(bias + z, stretch, np.sign(z) * np.inf))))
    return np.stack(limits)
