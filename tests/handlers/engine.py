"""A MONAI workflow that does nothing but count, for handlers to attach to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai.engines import Workflow


def counting(
    max_epochs: int = 2, iterations: int = 3, step: Callable[[Any, Any], Any] | None = None, handlers: Any = None
) -> Workflow:
    """An engine over ``iterations`` batches (their numbers) that runs ``step(engine, batch)``."""
    return Workflow(
        device="cpu",
        max_epochs=max_epochs,
        data_loader=list(range(iterations)),
        iteration_update=step or (lambda engine, batch: {"loss/total": float(batch)}),
        decollate=False,
        handlers=handlers,
    )
