"""A clock that stands still except for what passes on purpose, and things that take time by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from monai_mocoi.engines import phase_clock


class Clock:
    """Stands in for the module ``time``."""

    now = 1000.0

    def perf_counter(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


class SlowBatches(list[Any]):
    """A loader whose batches take time to come, each its own, and a start of its own in every pass."""

    def __init__(self, batches: Sequence[Any], clock: Clock, waits: Sequence[float], start: float = 0.0) -> None:
        super().__init__(batches)
        self.clock, self.waits, self.start = clock, waits, start

    def __iter__(self) -> Iterator[Any]:
        self.clock.work(self.start)
        for wait, batch in zip(self.waits, list(super().__iter__()), strict=True):
            self.clock.work(wait)
            yield batch


def stopped(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put such a clock in the place of the real one."""
    clock = Clock()
    monkeypatch.setattr(phase_clock, "time", clock)
    return clock
