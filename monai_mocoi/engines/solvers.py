"""The trainer of a classifier, by its solver: gradient descent, or a direct solution of the linear layer (L-BFGS)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from monai_mocoi.engines.classifier_trainer import ClassifierTrainer
from monai_mocoi.engines.linear_trainer import LinearTrainer


def trainer_by_solver(
    solver: str,
    device: torch.device | str,
    network: nn.Module,
    linear: Mapping[str, Any],
    precision: str = "auto",
    train_handlers: Sequence[Any] = (),
    gradient_handlers: Sequence[Any] = (),
    **gradient: Any,
) -> ClassifierTrainer | LinearTrainer:
    """Make the trainer that a solver needs.

    Args:
        solver: "gradient": :class:`ClassifierTrainer`. "lbfgs": :class:`LinearTrainer`, for a frozen encoder.
        device, network, precision: of either trainer.
        linear: the other arguments of :class:`LinearTrainer`.
        train_handlers: of either trainer.
        gradient_handlers: only of training by gradient descent, such as a learning rate schedule.
        gradient: the other arguments of :class:`ClassifierTrainer`.

    Raises:
        ValueError: another solver.
    """
    if solver == "lbfgs":
        return LinearTrainer(device, network, precision=precision, train_handlers=[*train_handlers], **linear)
    if solver != "gradient":
        raise ValueError(f"solver is {solver!r}; choose one of gradient, lbfgs.")
    handlers = [*train_handlers, *gradient_handlers]
    return ClassifierTrainer(device, network=network, precision=precision, train_handlers=handlers, **gradient)


trainer_by_solver.writes = ClassifierTrainer.writes  # type: ignore[attr-defined]  # for the plan of a run
trainer_by_solver.unused = {"solver=lbfgs": ("gradient_handlers", "debug_dir")}  # type: ignore[attr-defined]
