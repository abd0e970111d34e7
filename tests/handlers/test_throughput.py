from __future__ import annotations

from collections.abc import Iterator

import pytest
from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.handlers import Throughput
from monai_mocoi.handlers import throughput as module

NAME = "speed/images_per_second"


class Clock:
    """Stands still but for what passes on purpose."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class Batches:
    """Three batches an epoch; each takes a second to come."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[int]:
        for number in range(3):
            self.clock.now += 1
            yield number


def measured(clock: Clock, done: int) -> dict[int, float]:
    """Speeds by iteration: 4 s a step, and hours for everything that comes after an iteration or between epochs."""
    speeds: dict[int, float] = {}

    def step(engine: Workflow, batch: int) -> dict[str, float]:
        clock.now += 4
        return {}

    def rest(engine: Workflow) -> None:
        clock.now += 3600

    engine = Workflow("cpu", 3, Batches(clock), iteration_update=step, decollate=False, handlers=[Throughput(80)])
    for event in (Events.STARTED, Events.EPOCH_STARTED, Events.ITERATION_COMPLETED, Events.EPOCH_COMPLETED):
        engine.add_event_handler(event, rest)
    engine.add_event_handler(
        Events.ITERATION_COMPLETED, lambda e: speeds.update({e.state.iteration: e.state.output[NAME]})
    )
    engine.state.iteration, engine.state.epoch = done, done // 3
    engine.run()
    return speeds


@pytest.mark.parametrize("done", [0, 3, 4, 5])
def test_loading_and_training_count_and_nothing_else_from_the_first_iteration_on(clock: Clock, done: int) -> None:
    assert measured(clock, done) == dict.fromkeys(range(done + 1, 10), 16.0)
