"""TensorBoard handlers: an engine's scalars, the settings, and curves that are drawn together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ignite.engine import Engine, Events
from monai.engines import Workflow
from monai.handlers import TensorBoardStatsHandler

from monai_mocoi.distributed import rank
from monai_mocoi.runs.curves import GUESSING, OVERLAID, RELATIVE_LOSS


class TensorBoardStats(TensorBoardStatsHandler):
    """MONAI's ``TensorBoardStatsHandler``, which writes on the first process only."""

    def attach(self, engine: Engine) -> None:
        """Register on a trainer or evaluator."""
        if rank() == 0:
            super().attach(engine)


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
class _WrittenOnce:
    """Base of what is written when a run starts; of a continued run it is there already."""

    summary_writer: Any

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        if rank() == 0:
            engine.add_event_handler(Events.STARTED, self._start)

    def _start(self, engine: Workflow) -> None:
        if engine.state.iteration == 0:
            self.write()

    def write(self) -> None:
        """Write it."""
        raise NotImplementedError


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
