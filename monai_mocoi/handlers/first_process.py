"""MONAI's and ignite's handlers that only the first process of a run needs."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine
from ignite.handlers import ProgressBar
from monai.handlers import TensorBoardStatsHandler

from monai_mocoi.distributed import rank


class TensorBoardStats(TensorBoardStatsHandler):
    """MONAI's ``TensorBoardStatsHandler``, which writes on the first process only."""

    def attach(self, engine: Engine) -> None:
        """Register on a trainer or evaluator."""
        if rank() == 0:
            super().attach(engine)


class Progress(ProgressBar):
    """ignite's ``ProgressBar``, which shows on the first process only."""

    def attach(self, engine: Engine, *args: Any, **options: Any) -> None:  # type: ignore[override]
        """Register on an engine."""
        if rank() == 0:
            super().attach(engine, *args, **options)
