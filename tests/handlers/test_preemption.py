from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ignite.engine import Events

from monai_mocoi.exit_codes import INTERRUPTED, PREEMPTED
from monai_mocoi.handlers import BestClassifier, Checkpoints, ClassifierSaver, Preemption
from monai_mocoi.handlers import preemption as module
from tests.engines.classifiers import Table, dataset_of, evaluator_of, planned_trainer
from tests.networks.small import small_moco
from tests.support.moco_training import batches, trainer_of
from tests.support.processes import in_processes

SETTINGS = {"image_size": 32, "decode_size": 32, "resize_mode": "crop", "channels": 1, "mean": 0.5, "std": 0.25}


@pytest.fixture
def not_in_the_background() -> Iterator[None]:
    """SIGINT as a terminal's job has it: in the background a shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        preemption = Preemption(Checkpoints(tmp_path, {}, "abc"))
        trainer = trainer_of(small_moco(), batches(3, 4), train_handlers=[preemption, preemption.checkpoints])
        trainer.add_event_handler(Events.ITERATION_STARTED(once=2), lambda: os.kill(os.getpid(), signal.SIGINT))
        trainer.run()
        assert not preemption.stopped
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("not_in_the_background")
def test_the_first_ctrl_c_saves_and_the_second_ends_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = signal.getsignal(signal.SIGINT)
    preemption = Preemption(Checkpoints(tmp_path, {}, "abc"))
    trainer = trainer_of(small_moco(), batches(3, 4), train_handlers=[preemption, preemption.checkpoints])
    trainer.add_event_handler(Events.ITERATION_STARTED(once=2), lambda: os.kill(os.getpid(), signal.SIGINT))
    trainer.run()
    assert (tmp_path / "checkpoints" / "checkpoint_000000002.pt").exists()
    assert "once more ends at once" in capfd.readouterr().err
    assert "Stopped by Ctrl-C after iteration 2" in caplog.text
    with pytest.raises(SystemExit) as caught:
        preemption.exit_if_stopped()
    assert caught.value.code == INTERRUPTED
    assert signal.getsignal(signal.SIGINT) == before

    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    again = Preemption(Checkpoints(tmp_path / "again", {}, "abc"))
    trainer = trainer_of(small_moco(), batches(3, 4), train_handlers=[again, again.checkpoints])
    trainer.add_event_handler(Events.ITERATION_STARTED(once=2), twice)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert not list((tmp_path / "again").rglob("*.pt"))
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize(("rank", "warnings"), [(0, 1), (1, 0)])
def test_a_signal_saves_and_stops_and_the_first_process_says_so(
    rank: int, warnings: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "rank", lambda: rank)
    preemption = Preemption(Checkpoints(tmp_path, {}, "abc"))
    trainer = trainer_of(small_moco(), batches(3, 4), train_handlers=[preemption, preemption.checkpoints])
    trainer.add_event_handler(Events.ITERATION_STARTED(once=2), lambda: os.kill(os.getpid(), signal.SIGTERM))
    trainer.run()
    assert trainer.state.iteration == 2
    assert (tmp_path / "checkpoints" / "checkpoint_000000002.pt").exists()
    said = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert len(said) == warnings
    assert all("Stopped by SIGTERM after iteration 2" in text for text in said)
    with pytest.raises(SystemExit) as caught:
        preemption.exit_if_stopped()
    assert caught.value.code == PREEMPTED


def test_a_signal_in_the_epoch_that_patience_ends_does_not_stop_a_run_that_is_whole(tmp_path: Path) -> None:
    labels = np.array([[0], [0], [1], [1]])
    table = Table(labels - 0.5)
    validator = evaluator_of(table, dataset_of(labels))
    best = BestClassifier(table, validator, patience=1)
    preemption = Preemption(Checkpoints(tmp_path, {}, "abc", also={"best": best}))
    saver = ClassifierSaver(
        tmp_path,
        table,
        validator,
        best,
        {"training": [], "validation": []},
        {"image_size": 32, "decode_size": 32, "resize_mode": "crop", "channels": 1, "mean": 0, "std": 1},
    )
    before = [preemption, preemption.checkpoints]
    trainer = planned_trainer(validator, [labels - 0.5] * 4, [best, saver], before=before)
    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=4), lambda: os.kill(os.getpid(), signal.SIGTERM))
    trainer.run()
    assert trainer.state.epoch == 2
    assert (tmp_path / "classifier.pt").exists()
    preemption.exit_if_stopped()  # else a cluster would start it again, to be refused: there is nothing to go on from


def stopped_by_the_second(rank: int, at: int, accumulation_steps: int, max_epochs: int) -> tuple[int, bool]:
    """A signal to the second process in the iteration ``at`` of epochs of 3: where each stops."""
    preemption = Preemption(Checkpoints(Path("run"), {}, "abc"))
    options = {"accumulation_steps": accumulation_steps, "max_epochs": max_epochs}
    trainer = trainer_of(small_moco(), batches(3, 4), train_handlers=[preemption, preemption.checkpoints], **options)

    @trainer.on(Events.ITERATION_STARTED(once=at))
    def _() -> None:
        if rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    trainer.run()
    return trainer.state.iteration, preemption.stopped


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "accumulation_steps", "max_epochs", "stops_after"),
    [
        (1, 1, 2, 2),  # the iteration after that in which it came
        (2, 1, 2, 3),  # which is the last one of its epoch
        (3, 1, 2, 3),  # at the end of an epoch all wait for one another
        (1, 2, 2, 3),  # a step of two batches, and the last batch alone
        (2, 1, 1, None),  # the run is at its end in any case
    ],
)
def test_a_signal_to_one_process_stops_both_after_the_same_iteration(
    at: int, accumulation_steps: int, max_epochs: int, stops_after: int | None, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stopped = in_processes(stopped_by_the_second, 2, at, accumulation_steps, max_epochs)
    assert stopped == [(stops_after or 3 * max_epochs, stops_after is not None)] * 2
    newest = max(path.name for path in Path("run").rglob("*.pt"))
    assert newest == f"checkpoint_{stops_after or 3 * max_epochs:09d}.pt"


def test_without_other_processes_a_signal_stops_at_once_with_an_accumulated_step(tmp_path: Path) -> None:
    preemption = Preemption(Checkpoints(tmp_path, {}, "abc"))
    handlers = [preemption, preemption.checkpoints]
    trainer = trainer_of(small_moco(), batches(5, 4), train_handlers=handlers, accumulation_steps=2)
    trainer.add_event_handler(Events.ITERATION_STARTED(once=1), lambda: os.kill(os.getpid(), signal.SIGTERM))
    trainer.run()
    assert (trainer.state.iteration, preemption.stopped) == (2, True)
