"""TensorBoard handlers: an engine's scalars, the settings, and curves that are drawn together."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ignite.engine import Engine, Events
from monai.engines import Workflow
from monai.handlers import TensorBoardStatsHandler

from monai_mocoi.distributed import rank
from monai_mocoi.engines import GradientTrainer, RunEvents
from monai_mocoi.runs.curves import GUESSING, OVERLAID, RELATIVE_LOSS

_FLUSH_EVERY = 10  # seconds


class TensorBoardStats(TensorBoardStatsHandler):
    """MONAI's ``TensorBoardStatsHandler``, which writes on the first process only.

    What a :class:`~monai_mocoi.engines.GradientTrainer` computes in an iteration is written when it is known, and
    brought to the disk every ten seconds instead of each time.
    """

    def attach(self, engine: Engine) -> None:
        """Register on a trainer or evaluator."""
        if rank() > 0:
            return
        if self.iteration_log is True and isinstance(engine, GradientTrainer):
            self.iteration_log, self._flushed = False, time.monotonic()
            engine.add_event_handler(RunEvents.OUTPUT_READ, self._write_read)
        super().attach(engine)

    def _write_read(self, engine: GradientTrainer) -> None:
        iteration, values = engine.state.read
        shown = self.output_transform(values)
        for name in sorted(shown):
            self._writer.add_scalar(name, shown[name], iteration)
        if time.monotonic() - self._flushed > _FLUSH_EVERY:
            self._writer.flush()
            self._flushed = time.monotonic()


def shown_in_pretraining(output: Mapping[str, float]) -> dict[str, float]:
    """What of the output of :class:`~monai_mocoi.engines.MoCoTrainer`, an iteration's, goes to TensorBoard.

    The contrastive loss of guessing is ln(1 + negatives): while the queue fills, the loss climbs, and looks as if it
    diverged. So it and the total are left out until the queue is full; the loss relative to guessing tells from the
    first step with negatives on.
    """
    climbing = {"loss/total", "loss/contrastive"} if output.get("queue/fill", 1.0) < 1 else set()
    shown = {name: value for name, value in output.items() if name not in climbing}
    return {**shown, GUESSING: 1.0} if RELATIVE_LOSS in output else shown


@dataclass(eq=False, repr=False)
class _WrittenOnce(ABC):
    """Base of what is written when a run starts; of a continued run it is there already."""

    summary_writer: Any

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        if rank() == 0:
            engine.add_event_handler(Events.STARTED, self._start)

    def _start(self, engine: Workflow) -> None:
        if engine.state.iteration == 0:
            self.write()

    @abstractmethod
    def write(self) -> None:
        """Write it."""


class OverlaidCurves(_WrittenOnce):
    """Say which curves of pretraining are drawn together: loss / guessing with a line at 1."""

    def write(self) -> None:
        """Write the layout."""
        self.summary_writer.add_custom_scalars(OVERLAID)


@dataclass(eq=False, repr=False)
class SettingsText(_WrittenOnce):
    """Write the settings, names and values, as a table to TensorBoard's text tab."""

    settings: Mapping[str, Any]

    def write(self) -> None:
        """Write the table."""
        rows = "\n".join(f"| {name} | `{value}` |" for name, value in self.settings.items())
        self.summary_writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}", 0)
