"""Validation of a trainer's epochs, whose time its clock knows as validation."""

from __future__ import annotations

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
        if not isinstance(engine, GradientTrainer):  # a linear evaluation has one epoch
            self.validator.run(engine.state.epoch)
        elif engine.state.epoch % self.interval == 0:
            with engine.clock.phase("validation"):
                self.validator.run(engine.state.epoch)
