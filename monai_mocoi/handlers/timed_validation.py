"""MONAI's validation handler, whose time the trainer's clock knows as validation."""

from __future__ import annotations

from ignite.engine import Engine
from monai.handlers import ValidationHandler

from monai_mocoi.engines import GradientTrainer


class TimedValidation(ValidationHandler):
    """Run an evaluator every few epochs of a :class:`~monai_mocoi.engines.GradientTrainer`.

    Arguments and errors are those of ``monai.handlers.ValidationHandler``.
    """

    def __call__(self, engine: Engine) -> None:
        """Validate."""
        assert isinstance(engine, GradientTrainer)
        with engine.clock.phase("validation"):
            super().__call__(engine)
