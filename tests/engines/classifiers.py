"""Labelled images without files, and a classifier whose every prediction a test decides, for tests of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Events
from monai.handlers import ValidationHandler
from torch import nn
from torch.utils.data import DataLoader

from monai_mocoi.data import EpochSampler, ImageDataset
from monai_mocoi.engines import ClassifierEvaluator, ClassifierTrainer
from monai_mocoi.losses import classification_loss


def numbered(path: str) -> torch.Tensor:
    """Noise of 32 x 32 pixels, the same for a number every time; the first pixel is the number / 255."""
    number = int(Path(path).stem)
    image = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(number))
    image[0, 0, 0] = number / 255
    return image


def dataset_of(
    labels: Sequence[Any], first: int = 0, transform: Any = None, folder: Path | None = None
) -> ImageDataset:
    """Images ``first``, ``first + 1`` ... with these labels, a patient each; with (empty) files in a folder, if any."""
    paths = [Path(folder or "") / f"{number:03d}" for number in range(first, first + len(labels))]
    for path in paths if folder else []:
        path.touch()
    items = [
        {"image": str(path), "name": f"images/{number:03d}.png", "patient": f"p{number:03d}", "label": label}
        for number, (path, label) in enumerate(zip(paths, np.asarray(labels).tolist(), strict=True), start=first)
    ]
    return ImageDataset(items, numbered, transform, cache=False)


class Table(nn.Module):
    """Logits by image number: what a classifier says is what stands in ``logits`` (images, classes)."""

    stage, trainable = 4, "all"

    def __init__(self, logits: Any) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.as_tensor(logits, dtype=torch.float32).clone())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits[(images[:, 0, 0, 0] * 255).round().long()]


def loader_of(dataset: ImageDataset, batch_size: int = 4, shuffle: bool = False) -> DataLoader:
    sampler = EpochSampler(len(dataset), shuffle=shuffle, batch_size=batch_size)
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler, drop_last=shuffle)


def evaluator_of(network: nn.Module, dataset: ImageDataset, kind: str = "multilabel", **options: Any) -> Any:
    """An evaluator of classes A, B, ... in batches of 4."""
    label = dataset.data[0]["label"]
    classes = "ABCDEFGH"[: len(label)] if kind == "multilabel" else options.pop("classes", "ABC")
    data = loader_of(dataset, options.pop("batch_size", 4))
    return ClassifierEvaluator("cpu", data, network, classes, kind, precision="float32", **options)


def trainer_of(network: nn.Module, data: Any, kind: str = "multilabel", lr: float = 0.05, **options: Any) -> Any:
    """A trainer by plain SGD over the trainable parameters."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return ClassifierTrainer(
        **{
            "device": "cpu",
            "max_epochs": 1,
            "train_data_loader": data,
            "network": network,
            "optimizer": torch.optim.SGD(parameters, lr=lr),
            "loss": classification_loss(kind),
            "precision": "float32",
            **options,
        }
    )


class Plan:
    """Stands for training: after epoch i the table says what ``plan[i - 1]`` says."""

    def __init__(self, table: Table, plan: Sequence[Any]) -> None:
        self.table, self.plan = table, plan

    def attach(self, engine: Any) -> None:
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._follow)

    def _follow(self, engine: Any) -> None:
        with torch.no_grad():
            self.table.logits.copy_(torch.as_tensor(self.plan[engine.state.epoch - 1]))


def planned_trainer(
    validator: ClassifierEvaluator, plan: Sequence[Any], handlers: Sequence[Any], **options: Any
) -> Any:
    """A trainer that follows the plan, an epoch an entry, with a validation after each, then ``handlers``.

    The option ``before`` is for handlers in front of all others, ``interval`` is that of the validation.
    """
    table, dataset, kind = validator.network, validator.data_loader.dataset, validator.kind
    assert isinstance(table, Table)
    first = [Plan(table, plan), ValidationHandler(options.pop("interval", 1), validator)]
    before = options.pop("before", [])
    return trainer_of(
        table,
        loader_of(dataset, 2, shuffle=True),
        kind,
        lr=0.0,
        **{"max_epochs": len(plan), "train_handlers": [*before, *first, *handlers], **options},
    )
