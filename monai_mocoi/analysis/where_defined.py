"""Numbers with intervals of statistics that some resamples leave undefined, such as a predictive value."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.interval_numbers import Number, numbers
from monai_mocoi.analysis.resampled_images import ResampledImages
from monai_mocoi.metrics import PatientStatistic, known_by_patient

COLUMNS_AT_ONCE = 128
"""Columns that are resampled together: their values without each patient are in memory at one time."""


class WhereDefined:
    """Collects statistics of a test, and computes all their intervals together, in few passes over the resamples."""

    def __init__(self, test: ResampledImages) -> None:
        self.test = test
        self._waiting: list[tuple[PatientStatistic, list[Number]]] = []

    def numbers(self, make: Any, truth: NDArray[np.int64], values: NDArray[Any]) -> list[Number]:
        """A NUMBER for each column of a statistic of one class (:func:`~monai_mocoi.metrics.known_by_patient`).

        :meth:`fill` adds the intervals. There is no value where the whole sample leaves it undefined, and no interval
        where a resample, or leaving a patient out, does.
        """
        statistic = known_by_patient(make, truth, values, self.test.patients)
        made = [_lacking(value, self.test.trouble) for value in statistic(np.ones((self.test.patient_count, 1)))[0]]
        if self.test.draw is not None:
            self._waiting.append((statistic, made))
        return made

    def fill(self) -> None:
        """Put the interval into every number given so far."""
        waiting, self._waiting = self._waiting, []
        for together in _in_parts(waiting):
            self._fill([statistic for statistic, _ in together], [n for _, made in together for n in made])

    def _fill(self, parts: list[PatientStatistic], waiting: list[Number]) -> None:
        assert self.test.draw is not None, "without a draw nothing waits"
        statistic = PatientStatistic(
            lambda counts: np.concatenate([part(counts) for part in parts], axis=1),
            lambda: np.concatenate([part.left_out() for part in parts], axis=1),
        )
        made = self.test.draw.apply(statistic, keep_undefined=True)
        lacking = (~np.isfinite(made.values)).sum(axis=0)
        if self.test.settings.interval == "bca":  # which needs the values without each patient too
            lacking = np.maximum(lacking, ~np.isfinite(made.left_out).all(axis=0))
        good = (lacking == 0) & np.isfinite(made.estimate)
        found = iter(numbers(made.take(good), self.test.settings) if good.any() else [])
        drawn = f"of {len(made.values)} resamples of the patients: too few images for an interval."
        for number, value, known, without in zip(waiting, made.estimate, good, lacking, strict=True):
            number.update(next(found) if known else _lacking(value, f"It has no value in {without} {drawn}"))
            if known:
                del number["reason"]


def _in_parts(waiting: list[tuple[PatientStatistic, list[Number]]]) -> Iterator[list[Any]]:
    part: list[Any] = []
    for own in waiting:
        if part and sum(len(made) for _, made in [*part, own]) > COLUMNS_AT_ONCE:
            yield part
            part = []
        part.append(own)
    if part:
        yield part


def _lacking(value: float, reason: str | None) -> Number:
    if not np.isfinite(value):
        return {"value": None, "interval": None, "reason": "No image counts for it: there is no such number."}
    return {"value": float(value), "interval": None, "reason": reason}
