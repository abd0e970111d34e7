"""The outputs of a trainer's iterations: read late where reading means waiting for a GPU, and told of when known."""

from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Events

from monai_mocoi.engines.events import RunEvents
from monai_mocoi.engines.iteration_values import IterationValues
from monai_mocoi.engines.not_finite import stop_all
from monai_mocoi.engines.phase_clock import STEP


class Outputs:
    """Reads :class:`IterationValues`, ends the run at a loss that is not finite, and fires ``OUTPUT_READ``.

    ``late``: an iteration's are read during the next one, before its step; at the end of an epoch, and before a
    checkpoint, all are. Until then :attr:`bad` keeps the optimiser from every step: fused optimisers look at
    ``found_inf`` on the device. Not late: they are read before the step that they belong to.
    """

    def __init__(self, trainer: Any, late: bool) -> None:
        self.trainer, self.late = trainer, late
        self._unread: list[IterationValues] = []
        self.bad: torch.Tensor | None = None
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._end_iteration)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self.read)

    def forget(self) -> None:
        """Begin anew."""
        self._unread.clear()
        self.bad = None

    def add(self, values: IterationValues) -> Mapping[str, float]:
        """Take an iteration's, after those before it are read; give what is to be its output."""
        self.read()
        self._unread.append(values)
        if self.late:
            self.bad = values.bad if self.bad is None else torch.maximum(self.bad, values.bad)
            return values
        self._check(values)
        return values.read()

    def read(self) -> None:
        """Wait for what is not read yet, and tell of it."""
        while self._unread:
            values = self._unread.pop(0)
            self._check(values)
            self.trainer.state.read = values.iteration, values.read()
            self.trainer.fire_event(RunEvents.OUTPUT_READ)

    def _check(self, values: IterationValues) -> None:
        with self.trainer.clock.phase(STEP):
            bad = values.not_finite()
        if bad:
            self._unread.clear()
            stop_all(self.trainer, values)

    def _end_iteration(self) -> None:
        if not self.late:
            self.read()
