"""Pretraining of a small network on views of random images, for tests of trainers and handlers."""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Events

from monai_mocoi.engines import MoCoTrainer
from monai_mocoi.engines.options import GEOMETRY
from monai_mocoi.losses import BarlowTwinsLoss, InfoNCELoss, StageMSELoss
from tests.networks.small import geometries, views

STAGE_LOSSES = {
    "moco": None,
    "map": StageMSELoss(normalize=True),
    "aligned": StageMSELoss(normalize=True),
    "barlow": BarlowTwinsLoss(),
}


def batches(
    count: int, size: int = 8, dtype: torch.dtype = torch.float32, geometry: bool = False
) -> list[dict[str, torch.Tensor]]:
    result = []
    for number in range(count):
        view1, view2 = (v.to(dtype) for v in views(size, seed=number))
        result.append({"view1": view1, "view2": view2, "index": torch.arange(size) + number * size})
        if geometry:
            result[-1] |= dict(zip(GEOMETRY, geometries(size, seed=number), strict=True))
    return result


def trainer_of(
    network: torch.nn.Module, data: Any, method: str = "moco", lr: float = 0.05, **options: Any
) -> MoCoTrainer:
    parameters = [p for p in network.parameters() if p.requires_grad]
    return MoCoTrainer(
        **{
            "device": "cpu",
            "max_epochs": 1,
            "train_data_loader": data,
            "network": network,
            "optimizer": torch.optim.SGD(parameters, lr=lr, momentum=0.9),
            "contrastive_loss": InfoNCELoss(0.2, reduction="none"),
            "stage_loss": STAGE_LOSSES[method],
            "precision": "float32",
            **options,
        }
    )


def run_noting(trainer: MoCoTrainer) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: rows.append(dict(e.state.output)))
    trainer.run()
    return rows
