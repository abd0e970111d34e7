"""Bootstrap over patients: how much a figure would change with other patients, not with other images of the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from monai_mocoi.metrics.inputs import check_known_labels
from monai_mocoi.metrics.intervals import bca_interval, bias_and_acceleration, bootstrap_p_value, percentile_interval
from monai_mocoi.metrics.patients import patient_index, sum_by_patient

Statistic = Callable[[np.ndarray], np.ndarray]
"""Takes ``(patients, resamples)`` float64, how often each patient was drawn, with the patients in the sorted order of
their ids; returns ``(resamples,)`` or ``(resamples, columns)``. It may have a method ``left_out()``, a quicker way to
:func:`leave_each_out`. See :mod:`monai_mocoi.metrics.patient_statistics`."""

DRAWS_AT_ONCE = 2**16
"""Patients drawn in one call; the resamples do not depend on it."""
THREADS = min(4, os.cpu_count() or 1)
"""Blocks of resamples that are evaluated side by side; no number depends on it."""
COUNTS_AT_ONCE = 2**15
"""Patients times resamples that a statistic is asked for in one call: as float64 they stay in a core's cache. With many
patients it is 64 resamples all the same, for a call costs its time too."""


@dataclass(frozen=True, eq=False)
class PatientResamples:
    """Resamples of patients that any number of statistics are evaluated on.

    Attributes:
        counts: ``(resamples, patients)`` uint8, how often each patient was drawn, in the sorted order of the
            patients' ids.
        index: ``(n,)`` the patient of each image, as its place in that order.
        redrawn: resamples that were thrown away because a class had no positive or no negative image in them.
    """

    counts: np.ndarray
    index: np.ndarray
    redrawn: int

    def weights(self, resample: int) -> np.ndarray:
        """Weight ``(n,)`` of each image in one resample: how often its patient was drawn."""
        return self.counts[resample, self.index].astype(np.float64)

    def apply(self, statistic: Statistic, keep_undefined: bool = False, of: np.ndarray | None = None) -> Bootstrapped:
        """Evaluate a statistic on the whole sample and on every resample.

        Args:
            statistic: what to evaluate.
            keep_undefined: values that are not finite stand in the result (:meth:`Bootstrapped.take` chooses columns
                without them); false: they are refused.
            of: ``(m,)`` the rows of the images that the statistic was made of, so that it knows their patients only;
                None: of all.

        Raises:
            ValueError: it is not finite on the whole sample or on a resample.
        """
        if of is not None:
            return self._apply_to(statistic, np.unique(self.index[of]), keep_undefined)
        patients = self.counts.shape[1]
        estimate = np.asarray(statistic(np.ones((patients, 1))))[0]
        if not keep_undefined and not np.isfinite(estimate).all():
            raise ValueError(
                "the statistic is undefined on the whole sample: choose the classes with scored_classes first"
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
                "the scored classes, so that such resamples are redrawn"
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


def leave_each_out(statistic: Statistic, patients: int) -> np.ndarray:
    """Evaluate a statistic without each patient in turn: as many evaluations as there are patients.

    Args:
        statistic: of ``patients`` patients.
        patients: how many.

    Returns:
        ``(patients,)`` or ``(patients, columns)``.
    """
    size = _block(patients)
    parts = []
    for start in range(0, patients, size):
        out = np.arange(start, min(start + size, patients))
        counts = np.ones((patients, len(out)))
        counts[out, np.arange(len(out))] = 0
        parts.append(statistic(counts))
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Bootstrapped:
    """A statistic on the whole sample and on resamples of its patients.

    The difference of two, ``second - first``, is paired: both must be of the same resamples.

    Attributes:
        estimate: ``()`` or ``(columns,)``, on the whole sample.
        values: ``(resamples,)`` or ``(resamples, columns)``.
        resamples: what it was evaluated on.
        evaluate_left_out: computes :attr:`left_out`, which takes its time and only BCa asks for.
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
        """Mean over the columns: from the classes' AUC to the macro AUC.

        Raises:
            ValueError: there are no columns.
        """
        if self.values.ndim == 1:
            raise ValueError("the statistic has one value a resample: there are no columns to average")
        return Bootstrapped(
            self.estimate.mean(axis=-1),
            self.values.mean(axis=-1),
            self.resamples,
            lambda: self.left_out.mean(axis=-1),
        )

    def take(self, columns: Any) -> Bootstrapped:
        """Some of the columns.

        Args:
            columns: their numbers, or one bool a column.
        """
        return Bootstrapped(
            self.estimate[columns], self.values[:, columns], self.resamples, lambda: self.left_out[:, columns]
        )

    def __sub__(self, other: Bootstrapped) -> Bootstrapped:
        if self.resamples is not other.resamples:
            raise ValueError("a paired difference needs both statistics on the same resamples: apply both to one draw")
        return Bootstrapped(
            self.estimate - other.estimate,
            self.values - other.values,
            self.resamples,
            lambda: self.left_out - other.left_out,
        )

    def kept(self, method: str) -> Bootstrapped:
        """The same numbers without the statistic that they came from, whose images may be many.

        Args:
            method: of the intervals that will be asked for.
        """
        if not _is_bca(method):
            return self
        left_out = self.left_out
        return Bootstrapped(self.estimate, self.values, self.resamples, lambda: left_out)

    @staticmethod
    def mean_of(several: Sequence[Bootstrapped]) -> Bootstrapped:
        """Mean of several statistics, resample by resample: of runs that were tested on the same patients, say.

        Its interval is over the patients, at these very runs: it holds nothing of the chance between runs.

        Args:
            several: one or more, of the same resamples.

        Raises:
            ValueError: there are none, or they are of different resamples.
        """
        if not several or any(own.resamples is not several[0].resamples for own in several):
            raise ValueError("a mean needs one or more statistics on the same resamples: apply all to one draw")
        return Bootstrapped(
            np.mean([own.estimate for own in several], axis=0),
            np.mean([own.values for own in several], axis=0),
            several[0].resamples,
            lambda: np.mean([own.left_out for own in several], axis=0),
        )

    def interval(self, method: str, level: float = 0.95) -> np.ndarray:
        """Confidence interval.

        Args:
            method: "percentile" (:func:`~monai_mocoi.metrics.percentile_interval`) or "bca"
                (:func:`~monai_mocoi.metrics.bca_interval`).
            level: 0..1.

        Returns:
            ``(2,)`` or ``(2, columns)``: lower and upper limit.

        Raises:
            ValueError: another method, too few resamples for the level, or (BCa) a statistic that is undefined without
                one of the patients.
        """
        if _is_bca(method):
            return bca_interval(self.estimate, self.values, self.left_out, level)
        return percentile_interval(self.values, level)

    def p_value(self, method: str, null: float = 0) -> np.ndarray:
        """Two-sided p-value by inversion of that interval (:func:`~monai_mocoi.metrics.bootstrap_p_value`), never 0."""
        if _is_bca(method):
            bias, acceleration = bias_and_acceleration(self.estimate, self.values, self.left_out)
            return bootstrap_p_value(self.values, null, bias, acceleration)
        return bootstrap_p_value(self.values, null)


def _is_bca(method: str) -> bool:
    if method not in ("percentile", "bca"):
        raise ValueError(f'method is {method!r}; expected "percentile" or "bca"')
    return method == "bca"


@threadpool_limits.wrap(limits=1, user_api="blas")
def patient_bootstrap(patients: Any, labels: Any = None, resamples: int = 2000, seed: int = 0) -> PatientResamples:
    """Draw as many patients as there are, with replacement, again and again; a patient's images come along together.

    Resamples come one after the other from one stream, ``numpy.random.default_rng(seed)``, and those in which a class
    has no positive or no negative image are passed over. So the first 500 of 2,000 are the 500 of the same seed.

    Args:
        patients: ``(n,)`` patient ids, text or integers, one an image; at least two patients.
        labels: ``(n,)`` or ``(n, classes)``, 0, 1 or ``UNKNOWN``, of the scored classes only; None: nothing is redrawn.
        resamples: 1 or more.
        seed: 0 or more.

    Returns:
        the resamples.

    Raises:
        ValueError: fewer than two patients, a class without positives or negatives, shapes that do not fit, or more
            resamples thrown away than asked for: over half of all.

    Examples:
        >>> import numpy as np
        >>> from monai_mocoi.metrics import patient_bootstrap, roc_auc_by_patient
        >>> patients = np.arange(40).repeat(2)
        >>> labels = patients % 2
        >>> scores = labels + np.linspace(0, 1.5, 80)
        >>> draw = patient_bootstrap(patients, labels, resamples=200, seed=0)
        >>> low, high = draw.apply(roc_auc_by_patient(labels, scores, patients)).interval("percentile")
        >>> bool(0.5 < low < high <= 1)
        True
    """
    index, count = patient_index(patients)
    if count < 2:
        raise ValueError(f"{count} patient(s): an interval over patients needs at least 2")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; expected at least 1")
    present = np.zeros((count, 0)) if labels is None else _present(labels, index, count)

    generator = np.random.default_rng(seed)
    counts = np.empty((resamples, count), dtype=np.uint8)
    kept, redrawn = 0, 0
    lacking = np.zeros(present.shape[1], dtype=int)
    while kept < resamples:
        rows = min(resamples - kept, max(1, DRAWS_AT_ONCE // count))
        drawn = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        # A uint8 is enough: no count exceeds the number of patients, and among more than 255 of them the chance that
        # any is drawn 256 times is below 1e-480.
        fresh = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.uint8)
        held = fresh.astype(np.float32) @ present > 0
        lacking += (~held).sum(axis=0)
        good = fresh[held.all(axis=1)]
        counts[kept : kept + len(good)] = good
        kept += len(good)
        redrawn += rows - len(good)
        if redrawn > resamples:
            raise ValueError(
                f"{redrawn} of {redrawn + kept} resamples of the patients have a class without positives or without "
                f"negatives, most often column {int(lacking.argmax()) % (len(lacking) // 2)} of the labels: too few "
                "patients carry it to tell an interval; score fewer classes"
            )
    return PatientResamples(counts, index, redrawn)


def _present(labels: Any, index: np.ndarray, count: int) -> np.ndarray:
    """``(patients, 2 classes)`` float32: images of each patient that are positive, then those that are negative."""
    labels = np.asarray(labels)
    sides = check_known_labels(labels, (len(index), *labels.shape[1:]))
    columns = [side.reshape(len(index), -1) for side in sides]
    has = sum_by_patient(np.concatenate(columns, axis=1), index, count).astype(np.float32)
    missing = np.flatnonzero(~has.any(axis=0))
    if len(missing):
        kind, column = divmod(int(missing[0]), columns[0].shape[1])
        raise ValueError(
            f"column {column} of the labels has no {('positive', 'negative')[kind]} image: choose the classes with "
            "scored_classes first"
        )
    return has
