"""Handlers of runs with several processes: progress of the first, validation on all, the same BatchNorm on all."""

from dataclasses import dataclass
from typing import Any

from ignite.engine import Engine
from ignite.handlers import ProgressBar
from monai.engines import Workflow
from torch import nn

from monai_mocoi.distributed import rank
from monai_mocoi.engines import GradientTrainer, RunEvents
from monai_mocoi.networks import average_batch_statistics


class Progress(ProgressBar):
    """ignite's ``ProgressBar``, which shows on the first process only."""

    def attach(self, engine: Engine, *args: Any, **options: Any) -> None:  # type: ignore[override]
        """Register on an engine."""
        if rank() == 0:
            super().attach(engine, *args, **options)


@dataclass(eq=False, repr=False)
class TimedValidation:
    """Run an evaluator every ``interval`` epochs, 1 or more, and after the last one; attach it on every process.

    The trainer's clock knows the time as validation. An evaluator whose ``precision`` is "auto" takes the trainer's,
    which a continued run keeps from where it began. The interval has no effect for a
    :class:`~monai_mocoi.engines.LinearTrainer`, which has one epoch.
    """

    validator: Any
    interval: int = 1

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.VALIDATE, self._validate)

    def _validate(self, engine: Workflow) -> None:
        if not isinstance(engine, GradientTrainer):
            self.validator.run(engine.state.epoch)
        elif engine.state.epoch % self.interval == 0 or engine.state.epoch == engine.state.max_epochs:
            if getattr(self.validator, "precision", "") == "auto":
                self.validator.autocast = engine.autocast
            with engine.clock.phase("validation"):
                self.validator.run(engine.state.epoch)


@dataclass(eq=False, repr=False)
class AverageBatchStatistics:
    """Average BatchNorm's running means and variances over all processes after every iteration.

    Each process sees its own part of a batch. Averaged, the statistics are what one process has that works on the same
    parts with ``bn_splits`` (see :class:`~monai_mocoi.networks.MoCo`), so that every process holds the same network at
    any moment. It moves less than a hundredth of what the gradients do. Attach it on every process; the network is bare
    or in DistributedDataParallel.
    """

    network: nn.Module

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.SETTLE_NETWORK, self._average)

    def _average(self) -> None:
        average_batch_statistics(self.network)
