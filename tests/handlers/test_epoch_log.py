from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ignite.engine import Events
from monai.engines import Evaluator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monai_mocoi.data import Predictions
from monai_mocoi.engines import PHASES, MoCoTrainer, PhaseClock
from monai_mocoi.handlers import Checkpoints, CollapseMonitor, EpochLog, LazySummaryWriter, TimedValidation
from monai_mocoi.handlers import checkpoints as checkpoints_module
from monai_mocoi.handlers import epoch_log as module
from monai_mocoi.runs import newest_checkpoint
from monai_mocoi.runs.checkpoint_files import write_checkpoint
from tests.engines.clock import Clock, SlowBatches, stopped
from tests.handlers.engine import counting
from tests.networks.small import small_moco
from tests.support.moco_training import batches, trainer_of


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stopped(monkeypatch)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == module.__name__]


def counted(clock: Clock, log: EpochLog, images: int, seconds: float, **options: Any) -> None:
    """Run an engine that does nothing, each of whose steps takes ``seconds`` for so many images."""
    step = options.pop("step")

    def timed(engine: Any, batch: Any) -> Any:
        with engine.clock.phase("step"):
            clock.work(seconds)
        engine.clock.images += images
        return step(engine, batch)

    engine: Any = counting(step=timed, **options)
    engine.clock = PhaseClock()
    engine.clock.attach(engine)
    log.attach(engine)
    engine.run()


def test_one_line_an_epoch_with_means_validation_and_speed(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    validator = counting()
    validator.state.epoch = 1  # validated in the first epoch only
    validator.state.metrics = {"validation/top1": 0.25, "validation/top1_chance": 0.01}

    def step(engine: Any, batch: Any) -> dict[str, float]:
        output = {"loss/total": float(batch + engine.state.epoch)}
        return output if batch == 0 else {**output, "contrastive/top1": 0.5}

    with caplog.at_level(logging.INFO, logger=module.__name__):
        counted(clock, EpochLog(validator), images=8, seconds=0.02, step=step)
    speed = "400 images/s in training, 400 over the epoch (0.1 s: step 0.1)"
    assert lines(caplog) == [
        f"epoch 1 of 2: loss 2.000, top-1 0.500; validation: top-1 0.250, chance 0.010; {speed}",
        f"epoch 2 of 2: loss 3.000, top-1 0.500; {speed}",
    ]


def test_a_long_run_says_early_and_often_how_long_it_takes(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def step(engine: Any, batch: Any) -> dict[str, float]:
        clock.work(600 if engine.state.iteration == 1 else 0)  # the first iteration waits for the loaders
        return {"loss/total": 1.0}

    with caplog.at_level(logging.INFO, logger=module.__name__):
        counted(clock, EpochLog(), images=8, seconds=40, iterations=10, max_epochs=3, step=step)
    first, *epochs = lines(caplog)
    # 40 s an iteration: 400 s an epoch; 24 of the 30 iterations are left.
    assert first == (
        "Forecast after 6 iterations: about 7 min of training an epoch, about 16 min for the run, "
        "and validation on top."
    )
    assert [line.rpartition("; ")[2] for line in epochs[:2]] == ["about 33 min left", "about 7 min left"]
    assert "left" not in epochs[2]


def test_another_training_names_its_own(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    validator = counting()
    validator.state.epoch = 1
    validator.state.metrics = {"validation/macro_auc": 0.8123, "validation/loss": 0.39, "validation/macro_f1": 0.5}
    log = EpochLog(
        validator,
        means={"loss/total": "loss"},
        metrics={"validation/loss": "loss", "validation/macro_auc": "macro AUC"},
    )

    def step(engine: Any, batch: Any) -> dict[str, float]:
        return {"loss/total": 0.412, "contrastive/top1": 1.0}

    with caplog.at_level(logging.INFO, logger=module.__name__):
        counted(clock, log, images=1, seconds=0.4, max_epochs=1, step=step)
    (line,) = lines(caplog)
    assert line.startswith("epoch 1 of 1: loss 0.412; validation: loss 0.390, macro AUC 0.812; 2.5 images/s in tr")


class Validator(Evaluator):
    """Two batches of 3 s each, and 1 s for what it writes."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("cpu", [1, 2], decollate=False)
        self.clock = clock
        self.add_event_handler(Events.EPOCH_COMPLETED, lambda: clock.work(1))

    def _iteration(self, engine: Any, batchdata: Any) -> dict[str, float]:
        self.clock.work(3)
        return {}


class Elsewhere:
    """Takes 1 s of what nobody claims, after each iteration."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def attach(self, engine: Any) -> None:
        engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: self.clock.work(1))


def parts(clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch, resume: bool = False) -> dict[str, Any]:
    """Handlers that take time: 7 s a validation, 5 s a checkpoint, 10 s a look at the collapse."""

    def write(*arguments: Any) -> None:
        clock.work(5)
        write_checkpoint(*arguments)

    def measure(engine: Any) -> dict[str, float]:
        clock.work(10)
        return {"collapse/rank_stage4": 100.0}

    monkeypatch.setattr(checkpoints_module, "write_checkpoint", write)
    writer = LazySummaryWriter(folder / "tensorboard")
    monitor = CollapseMonitor(batches(3), writer, check_every=4)
    monkeypatch.setattr(monitor, "_measure", measure)
    log = EpochLog(summary_writer=writer)
    kept = Checkpoints(folder, {}, "abc", every=3, resume=resume, summary_writer=writer, also={"epoch_log": log})
    validation = TimedValidation(interval=1, validator=Validator(clock))
    return {
        "log": log,
        "validation": validation,
        "checkpoints": kept,
        "monitor": monitor,
        "elsewhere": Elsewhere(clock),
    }


def trained(clock: Clock, handlers: list[Any], epochs: int = 1) -> MoCoTrainer:
    """A trainer of four batches of 8 images; each takes 2 s to come, and its step 4 s."""
    data = SlowBatches(batches(4), clock, [2.0] * 4)
    trainer = trainer_of(small_moco(), data, max_epochs=epochs, train_handlers=handlers)
    compute = trainer.compute

    def slow(*arguments: Any) -> Any:
        clock.work(4)
        return compute(*arguments)

    trainer.compute = slow  # type: ignore[method-assign]
    return trainer


WHOLE = {"data": 8, "step": 16, "validation": 7, "checkpoints": 10, "monitor": 10, "probe": 0, "other": 4}
LINE = (
    "1.3 images/s in training, 0.6 over the epoch (55.0 s: data 8.0, step 16.0, validation 7.0, checkpoints 10.0, "
    "monitor 10.0, other 4.0)"
)


# 14 of the 120 orders: each handler is first and last in some, and in front of and behind each other one.
@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::9])
def test_whatever_the_order_of_the_handlers_each_has_its_own_time(
    order: tuple[int, ...],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    handlers = list(parts(clock, tmp_path, monkeypatch).values())
    with caplog.at_level(logging.INFO, logger=module.__name__):
        trainer = trained(clock, [handlers[place] for place in order])
        began = clock.now
        trainer.run()
    time = trainer.clock.read()
    assert (time.images, time.seconds) == (32, WHOLE)
    assert time.total == clock.now - began
    (line,) = lines(caplog)
    assert line.endswith("; " + LINE)


def test_tensorboard_has_the_speed_of_each_epoch(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = parts(clock, tmp_path, monkeypatch)
    trained(clock, list(handlers.values()), epochs=2).run()
    handlers["log"].summary_writer.close()
    curves = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    found = {
        tag: [(event.step, event.value) for event in curves.Scalars(tag)]
        for tag in curves.Tags()["scalars"]
        if tag.startswith("speed/")
    }
    # Both epochs have a checkpoint at a third iteration (3 and 6), and one at their end.
    expected = {f"speed/seconds_{phase}": WHOLE[phase] for phase in PHASES}
    expected |= {"speed/images_per_second_training": 32 / 24, "speed/images_per_second_epoch": 32 / 55}
    assert found == {tag: [(1, pytest.approx(value)), (2, pytest.approx(value))] for tag, value in expected.items()}


def test_a_run_continued_in_an_epoch_tells_of_the_time_since_then(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Killed(BaseException):
        pass

    first = trained(clock, list(parts(clock, tmp_path, monkeypatch).values()))

    @first.on(Events.ITERATION_STARTED(once=4))
    def _() -> None:
        first._event_handlers.pop(Events.EXCEPTION_RAISED)
        raise Killed

    with pytest.raises(Killed):
        first.run()
    newest = newest_checkpoint(tmp_path / "checkpoints")
    assert newest is not None
    assert newest.stem.endswith("3")
    clock.work(10_000)
    with caplog.at_level(logging.INFO, logger=module.__name__):
        again = trained(clock, list(parts(clock, tmp_path, monkeypatch, resume=True).values()))
        again.run()
    time = again.clock.read()
    assert time.images == 8
    assert dict(time.seconds) == {**WHOLE, "data": 2, "step": 4, "checkpoints": 5, "other": 1}
    (line,) = lines(caplog)
    assert "; 1.3 images/s in training, 0.3 over the epoch (29.0 s: data 2.0, step 4.0, " in line
    assert line.startswith("epoch 1 of 1: loss ")


def test_what_is_over_is_kept_for_a_continued_run(clock: Clock) -> None:
    log = EpochLog()
    counted(clock, log, images=1, seconds=1, step=lambda engine, batch: {"loss/total": float(engine.state.epoch)})
    assert log.latest == {"loss/total": 2.0}
    continued = EpochLog()
    continued.load_state_dict(log.state_dict())
    assert continued.latest == {"loss/total": 2.0}
    continued.load_state_dict({"sums": {}, "counts": {}})  # of a checkpoint that was written before it was kept
    assert continued.latest == {}


@pytest.mark.parametrize(
    ("images", "positives", "words"),
    [
        (5, 2, " (5 image(s): means nothing)"),
        (19, 6, " (19 image(s): means nothing)"),
        (20, 4, " (no class has 5 positive and 5 negative images: means nothing)"),
        (20, 5, ""),
    ],
)
def test_metrics_of_a_handful_of_images_say_so(
    images: int, positives: int, words: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    validator = counting()
    validator.state.epoch = 1
    validator.state.metrics = {"validation/macro_auc": 1.0}
    labels = np.array([[int(i < positives), 0] for i in range(images)])
    names = tuple(map(str, range(images)))
    validator.predictions = Predictions(names, names, ("A", "B"), "multilabel", labels, labels * 0.9)  # type: ignore[attr-defined]
    log = EpochLog(validator, means={}, metrics={"validation/macro_auc": "macro AUC"})
    with caplog.at_level(logging.INFO, logger=module.__name__):
        counted(clock, log, images=1, seconds=1, max_epochs=1, step=lambda engine, batch: {})
    (line,) = lines(caplog)
    assert f"validation: macro AUC 1.000{words}; " in line
