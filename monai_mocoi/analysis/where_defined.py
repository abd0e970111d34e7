"""Numbers with intervals of statistics that some resamples leave undefined, such as a predictive value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.evaluation import IntervalSettings, numbers
from monai_mocoi.metrics import PatientResamples, Statistic

COLUMNS_AT_ONCE = 128
"""Columns that are resampled together: their values without each patient are held at a time."""


@dataclass(eq=False)
class Resampled:
    """Collects statistics, and gives all of them their intervals at once: the resamples are gone through few times.

    Attributes:
        draw: the resamples; None: there are none.
        trouble: why there are none.
        patients: ``(n,)`` number of each image's patient.
        settings: of the intervals.
    """

    draw: PatientResamples | None
    trouble: str | None
    patients: NDArray[np.int64]
    settings: IntervalSettings
    _waiting: list[tuple[Statistic, list[dict[str, Any]]]] = field(default_factory=list)

    def numbers(self, statistic: Statistic) -> list[dict[str, Any]]:
        """Value of each column of a statistic; the intervals come in with :meth:`fill`.

        Returns:
            a NUMBER a column, see :func:`~monai_mocoi.analysis.evaluate_predictions`: without a value where the whole
            sample leaves it undefined, without an interval where a resample, or leaving a patient out, does.
        """
        values = np.asarray(statistic(np.ones((int(self.patients.max()) + 1, 1))))[0]
        made = [_lacking(value, self.trouble) for value in values]
        if self.draw is not None:
            self._waiting.append((statistic, made))
        return made

    def fill(self) -> None:
        """Put the interval into every number given so far."""
        waiting, self._waiting = self._waiting, []
        for together in _in_parts(waiting):
            self._fill([statistic for statistic, _ in together], [number for _, made in together for number in made])

    def _fill(self, statistics: list[Statistic], waiting: list[dict[str, Any]]) -> None:
        assert self.draw is not None, "without a draw nothing waits"
        made = self.draw.apply(_SideBySide(statistics), keep_undefined=True)
        lacking = (~np.isfinite(made.values)).sum(axis=0)
        if self.settings.interval == "bca":  # which needs the values without each patient too
            lacking = np.maximum(lacking, ~np.isfinite(made.left_out).all(axis=0))
        good = (lacking == 0) & np.isfinite(made.estimate)
        found = iter(numbers(made.take(good), self.settings) if good.any() else [])
        drawn = f"of {len(made.values)} resamples of the patients: too few images to tell an interval."
        for number, value, known, without in zip(waiting, made.estimate, good, lacking, strict=True):
            number.update(next(found) if known else _lacking(value, f"It has no value in {without} {drawn}"))
            if known:
                del number["reason"]


@dataclass(frozen=True)
class _SideBySide:
    """Columns of several statistics as those of one."""

    parts: list[Any]

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([part(counts) for part in self.parts], axis=1)

    def left_out(self) -> NDArray[np.float64]:
        return np.concatenate([part.left_out() for part in self.parts], axis=1)


def _in_parts(waiting: list[tuple[Statistic, list[dict[str, Any]]]]) -> Iterator[list[Any]]:
    part: list[Any] = []
    for own in waiting:
        if part and sum(len(made) for _, made in [*part, own]) > COLUMNS_AT_ONCE:
            yield part
            part = []
        part.append(own)
    if part:
        yield part


def _lacking(value: float, reason: str | None) -> dict[str, Any]:
    if not np.isfinite(value):
        return {"value": None, "interval": None, "reason": "No image counts for it: there is no such number."}
    return {"value": float(value), "interval": None, "reason": reason}
