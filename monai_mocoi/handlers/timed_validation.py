"""Validation of a trainer's epochs, whose time its clock knows as validation."""

from dataclasses import dataclass

from monai.engines import Evaluator, Workflow

from monai_mocoi.engines import GradientTrainer, RunEvents


@dataclass(eq=False, repr=False)
class TimedValidation:
    """Run an evaluator every ``interval`` epochs, 1 or more; attach it on every process.

    The interval has no effect for a :class:`~monai_mocoi.engines.LinearTrainer`.
    """

    validator: Evaluator
    interval: int = 1

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.VALIDATE, self._validate)

    def _validate(self, engine: Workflow) -> None:
        if not isinstance(engine, GradientTrainer):  # a linear evaluation has one epoch
            self.validator.run(engine.state.epoch)
        elif engine.state.epoch % self.interval == 0:
            with engine.clock.phase("validation"):
                self.validator.run(engine.state.epoch)
