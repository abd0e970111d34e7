"""Images a second in training: waiting for a batch and working on it."""

from __future__ import annotations

import time

from ignite.engine import Events
from monai.engines import Workflow


class Throughput:
    """Add ``speed/images_per_second`` to the trainer's output; attach it before the handlers that write the output.

    The time is that from asking for a batch to the end of its step. What the handlers behind this one do after an
    iteration or between epochs, such as validation, checkpoints and the collapse monitor, does not count.

    Args:
        batch_size: images an iteration, over all processes.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._began = 0.0

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.GET_BATCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._measure)

    def _start(self, engine: Workflow) -> None:
        self._began = time.perf_counter()

    def _measure(self, engine: Workflow) -> None:
        engine.state.output["speed/images_per_second"] = self.batch_size / (time.perf_counter() - self._began)
