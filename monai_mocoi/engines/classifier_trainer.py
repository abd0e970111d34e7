"""Fine-tuning engine: training a classifier by gradients; and the choice of a trainer by its solver."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Unpack

import torch
from torch import nn

from monai_mocoi.engines.gradient_trainer import Computed, GradientTrainer
from monai_mocoi.engines.linear_trainer import LinearTrainer
from monai_mocoi.engines.options import TrainerOptions, at_least_float32


class ClassifierTrainer(GradientTrainer):
    """Train a :class:`~monai_mocoi.networks.Classifier`, whole or its linear layer alone.

    Args:
        train_data_loader: of known length; with ``image`` ``(N, C, H, W)`` and ``label``.
        network: the classifier on its device, bare or in DistributedDataParallel. What it freezes stays as it is.
        loss: ``(logits, labels)`` to a scalar, as :func:`~monai_mocoi.losses.classification_loss` gives it.
        options: see :class:`~monai_mocoi.engines.TrainerOptions`.

    Every iteration leaves ``loss/total``, ``loss/classification`` and ``schedule/learning_rate`` in
    ``engine.state.output``, means over all processes. Errors: as :class:`GradientTrainer`.
    """

    described = (*GradientTrainer.described, "loss")
    image_list = "training in labelled.json"

    def __init__(
        self,
        device: torch.device | str,
        max_epochs: int,
        train_data_loader: Iterable,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        **options: Unpack[TrainerOptions],
    ) -> None:
        self.loss = loss.to(device) if isinstance(loss, nn.Module) else loss
        super().__init__(device, max_epochs, train_data_loader, network, optimizer, **options)

    def compute(self, batch: dict[str, torch.Tensor], first_of_step: bool) -> Computed:
        """The classification loss."""
        images, labels = self.prepare_batch(batch, self.state.device, self.non_blocking)
        logits = self.inferer(images, self.network)
        with torch.autocast(self.state.device.type, enabled=False):
            return {"loss/classification": self.loss(at_least_float32(logits), labels)}, None


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
    """Make the trainer that a solver needs; another solver is a ValueError.

    Args:
        solver: "gradient": :class:`ClassifierTrainer`. "lbfgs": :class:`LinearTrainer`, for a frozen encoder.
        device, network, precision, train_handlers: of either trainer.
        linear, gradient: the other arguments of the one, and of the other.
        gradient_handlers: only of training by gradient descent, such as a learning rate schedule.
    """
    if solver == "lbfgs":
        return LinearTrainer(device, network, precision=precision, train_handlers=[*train_handlers], **linear)
    if solver != "gradient":
        raise ValueError(f"solver is {solver!r}; choose one of gradient, lbfgs.")
    handlers = [*train_handlers, *gradient_handlers]
    return ClassifierTrainer(device, network=network, precision=precision, train_handlers=handlers, **gradient)


trainer_by_solver.writes = ClassifierTrainer.writes  # type: ignore[attr-defined]  # for the plan of a run
trainer_by_solver.unused = {"solver=lbfgs": ("gradient_handlers", "debug_dir")}  # type: ignore[attr-defined]
