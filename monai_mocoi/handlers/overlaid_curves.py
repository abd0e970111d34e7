"""Curves that belong together in one picture: TensorBoard's tab *Custom scalars*."""

from __future__ import annotations

from typing import Any

from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.distributed import rank
from monai_mocoi.handlers.curves import OVERLAID


class OverlaidCurves:
    """Say once, when the run starts, which curves of pretraining are drawn together: loss / guessing with a line at 1.

    Args:
        summary_writer: where to.
    """

    def __init__(self, summary_writer: Any) -> None:
        self.writer = summary_writer

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        if rank() == 0:
            engine.add_event_handler(Events.STARTED, self._write)

    def _write(self, engine: Workflow) -> None:
        if engine.state.iteration == 0:  # of a continued run they are known already
            self.writer.add_custom_scalars(OVERLAID)
