"""Learning rate by the step: linear warm-up, then cosine or constant."""

import logging
import math
from dataclasses import dataclass

import torch
from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.distributed import rank

logger = logging.getLogger(__name__)


def warmup_cosine(step: int, total_steps: int, warmup_steps: int = 0, cosine: bool = True) -> float:
    """Factor on the base learning rate, 0..1, at a ``step`` from 0 of ``total_steps``, warm-up included.

    The factor grows linearly, and is 1 first at ``warmup_steps``. After that it falls to 0 along half a ``cosine``
    (Loshchilov and Hutter 2017); False: it stays at 1.

    Examples:
        >>> from monai_mocoi.handlers import warmup_cosine
        >>> [round(warmup_cosine(step, total_steps=4, warmup_steps=1), 2) for step in range(4)]
        [0.5, 1.0, 0.75, 0.25]
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if not cosine:
        return 1.0
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def warmup_length(warmup_steps: int, max_share: float, total_steps: int) -> int:
    """Steps of the warm-up: ``warmup_steps``, but at most a share of all steps of the run."""
    return min(warmup_steps, int(max_share * total_steps))


@dataclass(eq=False, repr=False)
class WarmupCosine:
    """Set the learning rate before every iteration, from the step's number alone.

    There is no state: a run extended by a larger ``max_epochs`` follows the longer cosine from where it stands (a saved
    torch scheduler would keep the old length).

    Args:
        optimizer: whose parameter groups are set, each to the factor times the rate that it has now.
        warmup_steps: see :func:`warmup_cosine`.
        warmup_max_share: a short run's warm-up is at most this share of its steps, 0..1; the log says so at the start.
        cosine: False: constant after the warm-up.
        accumulation_steps: the trainer's: iterations a step, and what remains at an epoch's end is a step too.
    """

    optimizer: torch.optim.Optimizer
    warmup_steps: int = 0
    warmup_max_share: float = 0.1
    cosine: bool = True
    accumulation_steps: int = 1

    def __post_init__(self) -> None:
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps is {self.warmup_steps}, but must be 0 (none) or more.")
        if not 0 <= self.warmup_max_share <= 1:
            raise ValueError(f"warmup_max_share is {self.warmup_max_share}, but must lie in 0..1.")
        self._told = False
        self.base = [float(group["lr"]) for group in self.optimizer.param_groups]

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.ITERATION_STARTED, self._set)

    def _set(self, engine: Workflow) -> None:
        epoch, batch = divmod(engine.state.iteration - 1, engine.state.epoch_length)
        steps_an_epoch = -(-engine.state.epoch_length // self.accumulation_steps)
        total = engine.state.max_epochs * steps_an_epoch
        warmup = warmup_length(self.warmup_steps, self.warmup_max_share, total)
        if warmup < self.warmup_steps and not self._told and rank() == 0:
            text = "warmup_steps is %d, but the warm-up takes %d: at most %g of the run's %d steps."
            numbers = self.warmup_steps, warmup, self.warmup_max_share, total
            logger.info(f"{text} Only a longer run (max_epochs) has a longer one.", *numbers)
        self._told = True
        factor = warmup_cosine(epoch * steps_an_epoch + batch // self.accumulation_steps, total, warmup, self.cosine)
        for group, base in zip(self.optimizer.param_groups, self.base, strict=True):
            group["lr"] = base * factor
