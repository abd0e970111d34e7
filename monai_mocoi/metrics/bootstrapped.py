"""A bootstrapped statistic: its value, its values on resamples, and from these intervals and p-values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_mocoi.metrics.intervals import bca_interval, bias_and_acceleration, bootstrap_p_value, percentile_interval

if TYPE_CHECKING:
    from monai_mocoi.metrics.patient_resamples import PatientResamples


@dataclass(frozen=True, eq=False)
class Bootstrapped:
    """A statistic on the whole sample and on resamples of its patients.

    The difference of two, ``second - first``, is paired: both must be of the same resamples.

    ``estimate``: ``()`` or ``(columns,)``, on the whole sample; ``values``: ``(resamples,)`` or
    ``(resamples, columns)``; ``resamples``: what it was evaluated on; ``evaluate_left_out``: computes :attr:`left_out`,
    which is slow and needed by BCa only.
    """

    estimate: np.ndarray
    values: np.ndarray
    resamples: PatientResamples
    evaluate_left_out: Callable[[], np.ndarray]

    @cached_property
    def left_out(self) -> np.ndarray:
        """``(patients,)`` or ``(patients, columns)``: the value without each patient in turn (jackknife)."""
        return self.evaluate_left_out()

    def mean(self) -> Bootstrapped:
        """Mean over the columns: from the classes' AUC to the macro AUC."""
        if self.values.ndim == 1:
            raise ValueError("the statistic has one value a resample: there are no columns to average")
        return _combined([self], lambda values: values.mean(axis=-1))

    def take(self, columns: Any) -> Bootstrapped:
        """Some of the columns, by their numbers or by one bool a column."""
        return _combined([self], lambda values: values[..., columns])

    def __sub__(self, other: Bootstrapped) -> Bootstrapped:
        if self.resamples is not other.resamples:
            raise ValueError("a paired difference needs both statistics on the same resamples: apply both to one draw")
        return _combined([self, other], lambda own, others: own - others)

    def kept(self, method: str) -> Bootstrapped:
        """The same numbers, for intervals of a method, without the statistic, which may hold many images."""
        if not _is_bca(method):
            return self
        left_out = self.left_out
        return Bootstrapped(self.estimate, self.values, self.resamples, lambda: left_out)

    @staticmethod
    def mean_of(several: Sequence[Bootstrapped]) -> Bootstrapped:
        """Mean of several statistics on the same resamples, one by one, such as of runs tested on the same patients.

        Its interval is over the patients, at exactly these runs: it does not include the variation between runs.
        """
        if not several or any(own.resamples is not several[0].resamples for own in several):
            raise ValueError("a mean needs one or more statistics on the same resamples: apply all to one draw")
        return _combined(several, lambda *values: np.mean(values, axis=0))

    def interval(self, method: str, level: float = 0.95) -> np.ndarray:
        """Confidence interval, lower and upper limit: ``(2,)`` or ``(2, columns)``.

        ``method`` is "percentile" (:func:`~monai_mocoi.metrics.percentile_interval`) or "bca"
        (:func:`~monai_mocoi.metrics.bca_interval`). Raises ValueError for another one, too few resamples for the level,
        or (BCa) a statistic that is undefined without one of the patients.
        """
        if _is_bca(method):
            return bca_interval(self.estimate, self.values, self.left_out, level)
        return percentile_interval(self.values, level)

    def p_value(self, method: str, null: float = 0) -> np.ndarray:
        """Two-sided p-value by inversion of that interval (:func:`~monai_mocoi.metrics.bootstrap_p_value`), never 0."""
        if _is_bca(method):
            return bootstrap_p_value(
                self.values, null, *bias_and_acceleration(self.estimate, self.values, self.left_out)
            )
        return bootstrap_p_value(self.values, null)


def _combined(several: Sequence[Bootstrapped], function: Callable[..., np.ndarray]) -> Bootstrapped:
    return Bootstrapped(
        function(*(own.estimate for own in several)),
        function(*(own.values for own in several)),
        several[0].resamples,
        lambda: function(*(own.left_out for own in several)),
    )


def _is_bca(method: str) -> bool:
    if method not in ("percentile", "bca"):
        raise ValueError(f'method is {method!r}; expected "percentile" or "bca"')
    return method == "bca"
