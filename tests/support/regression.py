"""A trainer of the smallest kind: a linear regression of one number a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from monai_mocoi.engines import GradientTrainer


class Regression(GradientTrainer):
    """Learns ``target`` from ``image``; looks at nothing else unless it is told to."""

    def __init__(self, network: nn.Module, data: Any, watched: Callable[[], Any] | None = None, **options: Any) -> None:
        self.watched = watched
        self.firsts: list[bool] = []
        settings = {
            "device": "cpu",
            "max_epochs": 1,
            "train_data_loader": data,
            "network": network,
            "optimizer": torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9),
            "precision": "float32",
        }
        super().__init__(**{**settings, **options})

    image_list = "training in labelled.json"

    def compute(self, batch: dict[str, torch.Tensor], first_of_step: bool) -> Any:
        self.firsts.append(first_of_step)
        errors = self.network(batch["image"].flatten(1)) - batch["target"]
        return {"loss/square": errors.square().mean(), "loss/size": 0.1 * errors.abs().mean()}, self.watched


def batches(count: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    draw = torch.Generator().manual_seed(seed)
    return [
        {
            "image": torch.rand(4, 1, 2, 3, generator=draw),
            "target": torch.rand(4, 1, generator=draw),
            "index": torch.arange(4) + 4 * number,
        }
        for number in range(count)
    ]


def linear() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(6, 1)
