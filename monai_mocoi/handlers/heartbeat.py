"""Heartbeat of a run: a file in its folder that says that it lives, and how far it is."""

import os
import time
from pathlib import Path

from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.engines import RunEvents
from monai_mocoi.files.heartbeat import Heartbeat
from monai_mocoi.runs.run_status import HEARTBEAT_NAME


class RunHeartbeat:
    """Keep the heartbeat of a run folder from when the folder is there until the run ends, however it ends.

    It holds ``iteration`` of ``iterations``, and the ``seconds`` and iterations (``done``) of this process.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._heartbeat = Heartbeat(Path(folder) / HEARTBEAT_NAME)
        self._began, self._from = 0.0, 0

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer, on the process that writes the folder."""
        engine.add_event_handler(RunEvents.BEGIN_PRODUCTS, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._tell)
        engine.add_event_handler(RunEvents.RELEASE_RUN, self._heartbeat.stop)
        engine.add_event_handler(RunEvents.RUN_FAILED, self._heartbeat.stop)

    def _start(self, engine: Workflow) -> None:
        self._began, self._from = time.monotonic(), engine.state.iteration
        self._heartbeat.start(**self._progress(engine))

    def _tell(self, engine: Workflow) -> None:
        if self._heartbeat.is_due():
            self._heartbeat.tell(**self._progress(engine))

    def _progress(self, engine: Workflow) -> dict[str, int | float]:
        state = engine.state
        return {
            "iteration": state.iteration,
            "iterations": state.max_epochs * state.epoch_length,
            "done": state.iteration - self._from,
            "seconds": round(time.monotonic() - self._began, 1),
        }
