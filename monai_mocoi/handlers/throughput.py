"""Images a second, as the user waits for them: loading, views and training together."""

from __future__ import annotations

import time

from ignite.engine import Events
from monai.engines import Workflow


class Throughput:
    """Add ``speed/images_per_second`` to the trainer's output; attach it before the handlers that write the output.

    Args:
        batch_size: images an iteration, over all processes.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._last: float | None = None

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._pause)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._measure)

    def _pause(self, engine: Workflow) -> None:
        self._last = None  # validation and saving between epochs are not the trainer's speed

    def _measure(self, engine: Workflow) -> None:
        now = time.perf_counter()
        if self._last is not None:
            engine.state.output["speed/images_per_second"] = self.batch_size / (now - self._last)
        self._last = now
