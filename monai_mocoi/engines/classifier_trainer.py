"""The fine-tuning engine: one iteration is one batch of labelled images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from torch import nn

from monai_mocoi.engines.gradient_trainer import GradientTrainer, Watched
from monai_mocoi.engines.image_batch import at_least_float32, prepare_images


class ClassifierTrainer(GradientTrainer):
    """Train a :class:`~monai_mocoi.networks.Classifier`, whole or its linear layer alone.

    Args:
        device: where to compute.
        max_epochs: number of passes over the labelled images.
        train_data_loader: of known length; with ``image`` ``(N, C, H, W)`` and ``label``.
        network: the classifier on its device, bare or in DistributedDataParallel. What it freezes stays as it is.
        optimizer: over the network's trainable parameters.
        loss: ``(logits, labels)`` to a scalar, as :func:`~monai_mocoi.losses.classification_loss` gives it. Computed in
            float32 (or float64).
        inferer: calls the network; a MONAI ``SimpleInferer`` by default.
        precision: see :func:`~monai_mocoi.engines.autocast_dtype`.
        channels_last: pass images to the network in channels-last memory format (convert the network too).
        accumulation_steps: batches a step of the optimiser, 1 or more.
        max_grad_norm: clip the gradient's norm; None: no clipping.
        debug_dir: folder for the report on a loss that is not finite; None: no report.
        epoch_length: iterations an epoch; None: the loader's length. Anything else is refused.
        non_blocking: copy batches to the device asynchronously.
        train_handlers: ignite or MONAI handlers.

    Every iteration leaves ``loss/total``, ``loss/classification`` and ``schedule/learning_rate`` in
    ``engine.state.output``; in a distributed run the means over all processes.

    Raises:
        ValueError: settings out of range, or fewer training images than a batch.
        NotFiniteError: a loss that is not finite.
    """

    described = (*GradientTrainer.described, "loss", "channels_last", "inferer")

    def __init__(
        self,
        device: torch.device | str,
        max_epochs: int,
        train_data_loader: Iterable,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        inferer: Inferer | None = None,
        precision: str = "auto",
        channels_last: bool = True,
        accumulation_steps: int = 1,
        max_grad_norm: float | None = None,
        debug_dir: str | os.PathLike[str] | None = None,
        epoch_length: int | None = None,
        non_blocking: bool = True,
        train_handlers: Sequence[Any] | None = None,
    ) -> None:
        self.loss = loss.to(device) if isinstance(loss, nn.Module) else loss
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.channels_last = channels_last
        super().__init__(
            device=device,
            max_epochs=max_epochs,
            data_loader=train_data_loader,
            network=network,
            optimizer=optimizer,
            precision=precision,
            accumulation_steps=accumulation_steps,
            max_grad_norm=max_grad_norm,
            debug_dir=debug_dir,
            image_list="training in labelled.json",
            epoch_length=epoch_length,
            non_blocking=non_blocking,
            prepare_batch=partial(prepare_images, channels_last=channels_last),
            handlers=train_handlers,
        )

    def compute(
        self, batch: dict[str, torch.Tensor], first_of_step: bool
    ) -> tuple[dict[str, torch.Tensor], Watched | None]:
        """The classification loss."""
        images, labels = self.prepare_batch(batch, self.state.device, self.non_blocking)
        logits = self.inferer(images, self.network)
        with torch.autocast(self.state.device.type, enabled=False):
            return {"loss/classification": self.loss(at_least_float32(logits), labels)}, None
