"""The same running statistics of BatchNorm on every process, so that it does not matter which one writes."""

from __future__ import annotations

from monai.engines import Workflow
from torch import nn

from monai_mocoi.engines.events import RunEvents
from monai_mocoi.networks import average_batch_statistics


class AverageBatchStatistics:
    """Average BatchNorm's running means and variances over all processes after every iteration.

    Each process sees its own part of a batch, and its running statistics would follow that part alone. Averaged, they
    are what one process has that works on the same parts with ``bn_splits`` (see
    :class:`~monai_mocoi.networks.MoCo`). Every process then holds the same network at any moment, for validation,
    checkpoints and the encoder that is written. It moves less than a hundredth of what the gradients do. With one
    process it does nothing.

    It must be attached on every process.

    Args:
        network: the network, bare or in DistributedDataParallel.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.SETTLE_NETWORK, self._average)

    def _average(self, engine: Workflow) -> None:
        average_batch_statistics(self.network)
