"""Learning rate by the step: linear warm-up, then cosine or constant."""

from __future__ import annotations

import math

import torch
from ignite.engine import Events
from monai.engines import Workflow


def warmup_cosine(step: int, total_steps: int, warmup_steps: int = 0, cosine: bool = True) -> float:
    """Factor on the base learning rate.

    Args:
        step: 0 for the first step.
        total_steps: steps of the whole run, warm-up included.
        warmup_steps: the factor grows linearly, and is 1 first at this step; 0: no warm-up.
        cosine: fall to 0 along half a cosine (Loshchilov and Hutter 2017) after the warm-up; False: stay at 1.

    Returns:
        the factor, 0..1.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if not cosine:
        return 1.0
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class WarmupCosine:
    """Set the learning rate before every iteration, from the iteration's number alone.

    There is no state: a resumed run continues rightly, and a run extended by a larger ``max_epochs`` follows the longer
    cosine from where it stands (a saved torch scheduler would keep the old length).

    Args:
        optimizer: whose parameter groups are set, each to the factor times the rate that it has now.
        warmup_steps: see :func:`warmup_cosine`; it is an error when it is not below the run's length.
        cosine: False: constant after the warm-up.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, warmup_steps: int = 0, cosine: bool = True) -> None:
        if warmup_steps < 0:
            raise ValueError(f"warmup_steps is {warmup_steps}, but must be 0 (none) or more.")
        self.optimizer = optimizer
        self.warmup_steps = warmup_steps
        self.cosine = cosine
        self.base = [float(group["lr"]) for group in optimizer.param_groups]

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.STARTED, self._check)
        engine.add_event_handler(Events.ITERATION_STARTED, self._set)

    def _total(self, engine: Workflow) -> int:
        return int(engine.state.max_epochs) * int(engine.state.epoch_length)

    def _check(self, engine: Workflow) -> None:
        if self.warmup_steps >= self._total(engine):
            raise ValueError(
                f"the warm-up of {self.warmup_steps} steps is as long as the whole run of {self._total(engine)} steps: "
                "lower the warm-up, or raise max_epochs."
            )

    def _set(self, engine: Workflow) -> None:
        factor = warmup_cosine(engine.state.iteration - 1, self._total(engine), self.warmup_steps, self.cosine)
        for group, base in zip(self.optimizer.param_groups, self.base, strict=True):
            group["lr"] = base * factor
