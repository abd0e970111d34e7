"""Rebuild the reference trajectories with our own classes and the settings of ``paper.json``, in float64.

The rule that fills weights, queue and batches uses NumPy's frozen legacy generator, so that anyone can repeat it.
Data comes from :func:`batches`; :func:`trajectory` runs it through :class:`MoCoTrainer`; ``__main__`` prints it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from ignite.engine import Events
from monai.networks.nets import resnet50
from torch import nn

from monai_mocoi.engines import MoCoTrainer
from monai_mocoi.losses import BarlowTwinsLoss, InfoNCELoss, StageMSELoss
from monai_mocoi.networks import (
    BarlowProjector,
    MoCo,
    NegativeQueue,
    PooledMap,
    PooledVector,
    ProjectionHead,
    StageEncoder,
)

BATCH, SIZE, QUEUE, STEPS = 8, 64, 64, 4
MOMENTUM, TEMPERATURE, LR, SGD_MOMENTUM, WEIGHT_DECAY = 0.999, 0.07, 0.03, 0.9, 1e-4


def filled(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Value of one entry of a state dict by the reference's rule; buffers have fixed values."""
    if len(shape) >= 2:
        values = np.random.RandomState(seed).standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        return torch.from_numpy(values)
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    if name.endswith(".weight"):
        return torch.full(shape, 0.5 if ".bn3." in name else 1.0, dtype=torch.float64)
    return torch.full(shape, 1.0 if name.endswith("running_var") else 0.0, dtype=torch.float64)


def fill(module: nn.Module, seed: int, offset: int = 0) -> int:
    """Fill a module's state dict in order; return the number of entries."""
    state = {
        name: filled(name, tuple(value.shape), seed * 1000 + offset + i)
        for i, (name, value) in enumerate(module.state_dict().items())
    }
    module.load_state_dict(state)
    return len(state)


def network(method: str, seed: int) -> MoCo:
    """Build the MoCo network of a method, filled by the rule."""
    backbone = resnet50(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False, feed_forward=False)
    encoder = StageEncoder(backbone.double())
    head = ProjectionHead("linear", 2048, out_features=128).double()
    entries = fill(encoder.backbone, seed)
    # The reference's `fc` stands last in torchvision's order; our head holds the same two entries.
    fill(head, seed, offset=entries)
    stage_heads: list[Any] = []
    if method == "mse_map":
        stage_heads = [PooledMap(size) for size in (16, 16, 4, 4)]
    elif method == "mse_vec":
        stage_heads = [PooledVector() for _ in range(4)]
    elif method == "barlow":
        stage_heads = [BarlowProjector(channels).double() for channels in encoder.stage_channels]
        for stage, stage_head in enumerate(stage_heads):
            fill(stage_head, seed + 100 + stage)
    queue = NegativeQueue(QUEUE, 128).double()
    columns = np.random.RandomState(seed + 7).standard_normal((128, QUEUE))
    queue.enqueue(torch.from_numpy((columns / np.linalg.norm(columns, axis=0)).T))
    return MoCo(encoder, head, queue, stage_heads, momentum=MOMENTUM)


def batches(seed: int) -> Iterator[dict[str, torch.Tensor]]:
    """The view pairs of the four steps."""
    for step in range(STEPS):
        generator = np.random.RandomState(seed * 77 + step)
        view1 = generator.rand(BATCH, 3, SIZE, SIZE)
        view2 = np.clip(0.9 * view1 + 0.1 * generator.rand(BATCH, 3, SIZE, SIZE), 0, 1)
        yield {"view1": torch.from_numpy(view1), "view2": torch.from_numpy(view2)}


def trajectory(method: str, seed: int) -> list[dict[str, Any]]:
    """Train four steps and note what the reference notes."""
    moco = network(method, seed)
    stage_loss: Callable[..., torch.Tensor] | None = None
    weights: tuple[float, ...] = (0.25,) * 4
    if method.startswith("mse"):
        stage_loss = StageMSELoss()
    elif method == "barlow":
        stage_loss, weights = BarlowTwinsLoss(off_diagonal_weight=1, divisor=32), (5e-5,) * 4
    optimizer = torch.optim.SGD(
        [p for p in moco.parameters() if p.requires_grad], lr=LR, momentum=SGD_MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    trainer = MoCoTrainer(
        device="cpu",
        max_epochs=1,
        train_data_loader=list(batches(seed)),
        network=moco,
        optimizer=optimizer,
        contrastive_loss=InfoNCELoss(TEMPERATURE, reduction="none"),
        stage_loss=stage_loss,
        stage_weights=weights,
        precision="float32",  # no autocast: the network's own float64
        channels_last=False,
    )
    rows: list[dict[str, Any]] = []

    @torch.no_grad()
    def note(engine: MoCoTrainer) -> None:
        scalars = engine.state.output
        rows.append(
            {
                "step": engine.state.iteration - 1,
                "contrastive": scalars["loss/contrastive"],
                "stages": [scalars[f"loss/stage{i}"] for i in range(1, 5) if f"loss/stage{i}" in scalars],
                "total": scalars["loss/total"],
                "positive_logit_mean": scalars["similarity/positive"] / TEMPERATURE,
                "top1": scalars["contrastive/top1"],
                "query_conv1_sum": float(moco.query_encoder.backbone.conv1.weight.sum()),
                "key_conv1_sum": float(moco.key_encoder.backbone.conv1.weight.sum()),
                "queue_sum": float(moco.queue.keys.sum()),
                "queue_ptr": int(moco.queue.pointer),
                "key_bn1_running_mean_sum": float(moco.key_encoder.backbone.bn1.running_mean.sum()),
            }
        )

    trainer.add_event_handler(Events.ITERATION_COMPLETED, note)
    trainer.run()
    return rows


def document(seed: int) -> dict[str, Any]:
    """The whole document of one seed."""
    return {
        "seed": seed,
        "batch": BATCH,
        "size": SIZE,
        "queue": QUEUE,
        "momentum": MOMENTUM,
        "temperature": TEMPERATURE,
        "lr": LR,
        "sgd_momentum": SGD_MOMENTUM,
        "weight_decay": WEIGHT_DECAY,
        "dtype": "float64",
        "trajectories": {m: trajectory(m, seed) for m in ("moco", "mse_map", "mse_vec", "barlow")},
    }
