from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from ignite.engine import Events

from monai_mocoi.exit_codes import PREEMPTED
from monai_mocoi.handlers import Checkpoints, Preemption
from monai_mocoi.handlers import preemption as module
from tests.engines.test_moco_trainer import batches, trainer_of
from tests.networks.small import small_moco


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
