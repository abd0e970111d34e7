"""Handlers of runs with several processes: what one does for all, and BatchNorm's statistics, the same on all."""

from dataclasses import dataclass
from typing import Any

from ignite.engine import Engine
from ignite.handlers import ProgressBar
from monai.engines import Workflow
from monai.handlers import TensorBoardStatsHandler
from torch import nn

from monai_mocoi.distributed import rank
from monai_mocoi.engines import RunEvents
from monai_mocoi.networks import average_batch_statistics


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


@dataclass(eq=False, repr=False)
class AverageBatchStatistics:
    """Average BatchNorm's running means and variances over all processes after every iteration.

    Each process sees its own part of a batch, and its running statistics would follow that part alone. Averaged, they
    are what one process has that works on the same parts with ``bn_splits`` (see :class:`~monai_mocoi.networks.MoCo`).
    Every process then holds the same network at any moment, for validation, checkpoints and the encoder that is
    written. It moves less than a hundredth of what the gradients do. With one process it does nothing. It must be
    attached on every process; the network is bare or in DistributedDataParallel.
    """

    network: nn.Module

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.SETTLE_NETWORK, self._average)

    def _average(self, engine: Workflow) -> None:
        average_batch_statistics(self.network)
