"""Validation of a trainer's epochs, whose time its clock knows as validation."""

from __future__ import annotations

from contextlib import nullcontext

from monai.engines import Evaluator, Workflow

from monai_mocoi.engines import GradientTrainer, RunEvents


class TimedValidation:
    """Run an evaluator every few epochs; attach it on every process.

    Args:
        validator: what to run.
        interval: epochs from one validation to the next, 1 or more; without effect for a
            :class:`~monai_mocoi.engines.LinearTrainer`.
    """

    def __init__(self, validator: Evaluator, interval: int = 1) -> None:
        self.validator = validator
        self.interval = interval

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.VALIDATE, self._validate)

    def _validate(self, engine: Workflow) -> None:
        by_epochs = isinstance(engine, GradientTrainer)  # a linear evaluation has one
        if by_epochs and engine.state.epoch % self.interval:
            return
        with engine.clock.phase("validation") if by_epochs else nullcontext():
            self.validator.run(engine.state.epoch)
