"""A MONAI workflow that does nothing but count, for handlers to attach to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from monai.engines import Workflow

from monai_mocoi.engines import attach_handlers
from monai_mocoi.handlers import RunFolder


def counting(
    max_epochs: int = 2, iterations: int = 3, step: Callable[[Any, Any], Any] | None = None, handlers: Any = None
) -> Workflow:
    """An engine over ``iterations`` batches (their numbers) that runs ``step(engine, batch)``."""
    engine = Workflow(
        device="cpu",
        max_epochs=max_epochs,
        data_loader=list(range(iterations)),
        iteration_update=step or (lambda engine, batch: {"loss/total": float(batch)}),
        decollate=False,
    )
    attach_handlers(engine, handlers)
    return engine


def finish_run(output_dir: str, bundle: str) -> None:
    """A run of no work that ends and says what comes next; for a config that is started from a shell."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    words = {"dataset_dir": "my data", "output_dir": output_dir}
    handler = RunFolder(
        f"{output_dir}/pretrain", {"bundle": bundle}, "abc", next_config="finetune", next_settings=words
    )
    counting(handlers=[handler]).run()
