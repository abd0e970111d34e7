from __future__ import annotations

from typing import Any

import pytest
from ignite.engine import Events

from monai_mocoi.engines import PHASES, EpochTime, PhaseClock
from tests.engines.clock import Clock, SlowBatches, stopped
from tests.support.regression import Regression, batches, linear


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stopped(monkeypatch)


def took(**phases: float) -> dict[str, float]:
    return {**dict.fromkeys(PHASES, 0.0), **phases}


def test_every_second_is_in_one_phase_and_an_inner_phase_takes_it_from_the_outer(clock: Clock) -> None:
    phases = PhaseClock()
    clock.work(1)
    with phases.phase("validation"):
        clock.work(2)
        with phases.phase("step"):
            clock.work(4)
        clock.work(8)
    clock.work(16)
    assert phases.read() == EpochTime(0, took(validation=10, step=4, other=17))
    clock.work(32)
    assert phases.read().total == 63
    phases.start()
    assert phases.read() == EpochTime(0, took())


def test_an_error_ends_its_phase(clock: Clock) -> None:
    phases = PhaseClock()

    def fail() -> None:
        with phases.phase("monitor"):
            clock.work(1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    clock.work(2)
    assert phases.read().seconds == took(monitor=1, other=2)


def timed_run(clock: Clock, data: Any, steps: list[float], done: int = 0, **options: Any) -> list[EpochTime]:
    """Each epoch's time, read last of all; ``steps`` are the seconds of each batch's step."""
    readings: list[EpochTime] = []

    class Rest:
        """Takes 100 s at each event, as the first of the handlers that a config can list."""

        def attach(self, engine: Any) -> None:
            for event in (Events.STARTED, Events.EPOCH_STARTED, Events.ITERATION_COMPLETED, Events.EPOCH_COMPLETED):
                engine.add_event_handler(event, lambda: clock.work(100))

    class Slow(Regression):
        def compute(self, batch: Any, first_of_step: bool) -> Any:
            clock.work(steps[(self.state.iteration - 1) % len(steps)])
            return super().compute(batch, first_of_step)

    trainer = Slow(linear(), data, train_handlers=[Rest()], **options)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: readings.append(trainer.clock.read()))
    trainer.state.iteration, trainer.state.epoch = done, done // len(data)
    trainer.run()
    return readings


@pytest.mark.parametrize("accumulation", [1, 3])
def test_speed_is_images_divided_by_seconds_however_uneven_the_iterations(clock: Clock, accumulation: int) -> None:
    steps = [0.5, 6.5, 0.5, 0.5]
    data = SlowBatches(batches(4), clock, waits=[0.5, 0.5, 0.5, 0.75], start=2)
    one, two = timed_run(clock, data, steps, max_epochs=2, accumulation_steps=accumulation)
    assert one == two == EpochTime(16, took(data=4.25, step=8, other=600))
    assert one.images / one.training == pytest.approx(16 / 12.25)
    rates = [4 / (wait + step) for wait, step in zip(data.waits, steps, strict=True)]
    assert sum(rates) / 4 > 2 * one.images / one.training  # what a mean of rates would say


def test_a_short_last_batch_counts_its_own_images(clock: Clock) -> None:
    full, short = batches(2)
    short = {name: values[:1] for name, values in short.items()}
    (one,) = timed_run(clock, SlowBatches([full, short], clock, [1, 1]), [2])
    assert (one.images, one.training) == (5, 6)


def test_a_run_continued_in_an_epoch_counts_from_there(clock: Clock) -> None:
    data = SlowBatches(batches(3), clock, [1, 1, 1])
    resumed, whole = timed_run(clock, data, [1, 2, 4], done=2, max_epochs=2)
    # The plain list begins anew where a sampler would go on, so the one batch left is a first one.
    assert resumed == EpochTime(4, took(data=1, step=4, other=300))
    assert whole == EpochTime(12, took(data=3, step=7, other=500))


def test_a_second_run_begins_anew(clock: Clock) -> None:
    trainer = Regression(linear(), SlowBatches(batches(2), clock, [1, 1]))
    trainer.run()
    clock.work(1000)
    trainer.state.max_epochs = 2
    trainer.run()
    assert trainer.clock.read() == EpochTime(8, took(data=2))
