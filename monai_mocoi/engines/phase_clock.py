"""Where an epoch's time went: every second between its start and the reading belongs to exactly one phase."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ignite.engine import Events
from monai.engines import Workflow

DATA, STEP, OTHER = "data", "step", "other"
PHASES = (DATA, STEP, "validation", "checkpoints", "monitor", "probe", OTHER)
"""In the order in which they are shown."""


@dataclass(frozen=True)
class EpochTime:
    """What a clock has counted since the epoch began, or since the run was continued in the middle of it.

    ``images`` that this process has trained on; ``seconds`` of each of :data:`PHASES`.
    """

    images: int
    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """Seconds of the clock on the wall, which are those of all phases."""
        return sum(self.seconds.values())

    @property
    def training(self) -> float:
        """Seconds of waiting for batches and of the steps on them."""
        return self.seconds[DATA] + self.seconds[STEP]


class PhaseClock:
    """A stopwatch of one process that is always in exactly one phase, so that no second is lost or counted twice.

    A phase is whatever happens in ``with clock.phase(name)``. One inside another takes its time from the outer one.
    What nobody claims is ``other``. A step waits for the losses of the one before, so a GPU's work counts where it
    belongs.
    """

    def __init__(self) -> None:
        self.start()

    def attach(self, engine: Workflow) -> None:
        """Start anew at each epoch, and count the loading as ``data``; attach it before all other handlers."""
        engine.add_event_handler(Events.EPOCH_STARTED, self.start)
        engine.add_event_handler(Events.GET_BATCH_STARTED, self.change, DATA)
        engine.add_event_handler(Events.GET_BATCH_COMPLETED, self.change, OTHER)

    def start(self) -> None:
        """Forget everything; from now on it is ``other``."""
        self.images = 0
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._phase, self._since = OTHER, time.perf_counter()

    def change(self, phase: str) -> str:
        """End the phase that there is, begin another, and return the one that ended."""
        before, now = self._phase, time.perf_counter()
        self._seconds[before] += now - self._since
        self._phase, self._since = phase, now
        return before

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside as one of :data:`PHASES`."""
        before = self.change(name)
        try:
            yield
        finally:
            self.change(before)

    def read(self) -> EpochTime:
        """What has been counted up to now."""
        self.change(self._phase)
        return EpochTime(self.images, dict(self._seconds))
