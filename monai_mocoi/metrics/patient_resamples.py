"""Resamples of patients, and statistics evaluated on all of them."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from monai_mocoi.metrics.intervals import Bootstrapped

Statistic = Callable[[np.ndarray], np.ndarray]
"""Takes ``(patients, resamples)`` float64, how often each patient was drawn, with the patients in the sorted order of
their ids; returns ``(resamples,)`` or ``(resamples, columns)``. It may have a method ``left_out()``, a quicker way to
:func:`leave_each_out`, and a method ``whole()``, one to :func:`of_all`."""

THREADS = min(4, int(os.environ.get("MONAI_MOCOI_THREADS") or os.cpu_count() or 1))
"""Blocks of resamples that are evaluated in parallel; the numbers do not depend on it. At most as many as the process
was given (:mod:`monai_mocoi.threads`, which this room does not import)."""
COUNTS_AT_ONCE = 2**15
"""Patients times resamples that a statistic is asked for in one call (64 resamples at least): as float64 they stay in a
core's cache."""


@dataclass(frozen=True, eq=False)
class PatientResamples:
    """Resamples of patients that any number of statistics are evaluated on.

    ``counts``: ``(resamples, patients)`` uint8, how often each patient was drawn, in the sorted order of the ids;
    ``index``: ``(n,)`` the patient of each image, as its place in that order; ``redrawn``: resamples that were thrown
    away because a class had no positive or no negative image in them.
    """

    counts: np.ndarray
    index: np.ndarray
    redrawn: int

    def weights(self, resample: int) -> np.ndarray:
        """Weight ``(n,)`` of each image in one resample: how often its patient was drawn."""
        return self.counts[resample, self.index].astype(np.float64)

    def apply(self, statistic: Statistic, keep_undefined: bool = False, of: np.ndarray | None = None) -> Bootstrapped:
        """Evaluate a statistic on the whole sample and on every resample; ValueError for values that are not finite.

        ``keep_undefined``: keep such values. ``of``: ``(m,)`` the rows of the images that the statistic was made of, so
        that it knows their patients only; None: all.
        """
        if of is not None:
            return self._apply_to(statistic, np.unique(self.index[of]), keep_undefined)
        patients = self.counts.shape[1]
        estimate = np.asarray(statistic(np.ones((patients, 1))))[0]
        if not keep_undefined and not np.isfinite(estimate).all():
            raise ValueError(
                "the statistic is undefined on the whole sample: choose the classes with evaluable_classes first"
            )
        rows, size = len(self.counts), _block(patients)
        # Most of a statistic's time is spent where numpy and scipy let other threads run; the order is kept.
        # Their products are small: a second thread within one waits for the first, and burns its core meanwhile.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(THREADS) as pool:
            parts = pool.map(lambda i: statistic(_as_columns(self.counts[i : i + size])), range(0, rows, size))
            values = np.concatenate(list(parts))
        undefined = int((~np.isfinite(values.reshape(rows, -1))).any(axis=1).sum())
        if undefined and not keep_undefined:
            raise ValueError(
                f"the statistic is undefined on {undefined} of {rows} resamples: give patient_bootstrap the labels of "
                "the evaluable classes, so that such resamples are redrawn"
            )
        return Bootstrapped(estimate, values, self, lambda: _left_out(statistic, patients))

    def _apply_to(self, statistic: Statistic, places: np.ndarray, keep_undefined: bool) -> Bootstrapped:
        """The same for a statistic of the patients at these places; the others do not change it."""
        some = PatientResamples(np.take(self.counts, places, axis=1), np.arange(len(places)), self.redrawn)
        made = some.apply(statistic, keep_undefined)

        def left_out() -> np.ndarray:
            values = np.broadcast_to(made.estimate, (self.counts.shape[1], *made.estimate.shape)).copy()
            values[places] = made.left_out
            return values

        return Bootstrapped(made.estimate, made.values, self, left_out)


def _as_columns(counts: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(counts.T, dtype=np.float64)


def _block(patients: int) -> int:
    """Resamples that a statistic is asked for in one call."""
    return int(np.clip(COUNTS_AT_ONCE // patients, 64, 512))


def _left_out(statistic: Statistic, patients: int) -> np.ndarray:
    quick: Callable[[], np.ndarray] | None = getattr(statistic, "left_out", None)
    with threadpool_limits(1, "blas"):
        return leave_each_out(statistic, patients) if quick is None else quick()


def of_all(statistic: Statistic, patients: int) -> np.ndarray:
    """A statistic of all ``patients`` patients, each once: ``()`` or ``(columns,)``."""
    quick: Callable[[], np.ndarray] | None = getattr(statistic, "whole", None)
    return np.asarray(statistic(np.ones((patients, 1)))[0] if quick is None else quick())


def leave_each_out(statistic: Statistic, patients: int) -> np.ndarray:
    """A statistic without each of ``patients`` patients in turn: ``(patients,)`` or ``(patients, columns)``."""
    size = _block(patients)
    parts = []
    for start in range(0, patients, size):
        out = np.arange(start, min(start + size, patients))
        counts = np.ones((patients, len(out)))
        counts[out, np.arange(len(out))] = 0
        parts.append(statistic(counts))
    return np.concatenate(parts)
