"""The floor of a training step: the same methods as one would write them in a script, in plain PyTorch."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from monai.networks.nets import ResNet
from torch import nn
from torch.nn import functional as F

from monai_mocoi.networks import BarlowProjector

MAP_SIZES = (16, 16, 4, 4)
OFF_DIAGONAL = 5e-3


@dataclass(frozen=True)
class Shape:
    """Of the network: a ResNet-50, unless it is to be small."""

    layers: tuple[int, ...] = (3, 4, 6, 3)
    width: int = 64
    hidden: int = 1024
    barlow: int = 2048

    def channels(self) -> list[int]:
        return [4 * self.width * 2**stage for stage in range(4)]


SMALL = Shape((1, 1, 1, 1), 4, 16, 16)


@dataclass(frozen=True)
class Constants:
    """What both sides must have in common: constants of ``train.json``."""

    method: str
    bn_splits: int
    queue: int
    temperature: float
    momentum: float
    learning_rate: float
    stage_weights: tuple[float, ...]
    shape: Shape


def backbone(shape: Shape) -> nn.Module:
    """MONAI's ResNet in torchvision's layout, for three channels."""
    widths = [channels // 4 for channels in shape.channels()]
    layout: dict[str, Any] = {"conv1_t_stride": 2, "bias_downsample": False, "feed_forward": False}
    return ResNet("bottleneck", list(shape.layers), widths, spatial_dims=2, n_input_channels=3, **layout)


def features(body: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """The maps of the four stages."""
    x = body.maxpool(body.act(body.bn1(body.conv1(images))))
    stages = []
    for layer in (body.layer1, body.layer2, body.layer3, body.layer4):
        x = layer(x)
        stages.append(x)
    return stages


def head(shape: Shape) -> nn.Sequential:
    """The recommended projection head."""
    return nn.Sequential(
        nn.Linear(shape.channels()[-1], shape.hidden, bias=False),
        nn.BatchNorm1d(shape.hidden),
        nn.ReLU(inplace=True),
        nn.Linear(shape.hidden, 128, bias=False),
        nn.BatchNorm1d(128, affine=False),
    )


class PlainMoCo:
    """A training step; call it with two batches of views (N, 3, H, W) on the device.

    Args:
        constants: those of our side.
        dtype: autocast's; None: float32.
        device: where to compute.
    """

    def __init__(self, constants: Constants, dtype: torch.dtype | None, device: torch.device) -> None:
        self.constants, self.dtype, self.device = constants, dtype, device
        shape = constants.shape
        self.query = nn.ModuleList([backbone(shape), head(shape)]).to(device, memory_format=torch.channels_last).train()
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        projectors = []
        if constants.method == "barlow":
            projectors = [BarlowProjector(channels, shape.barlow) for channels in shape.channels()]
        self.projectors = nn.ModuleList(projectors).to(device)
        self.queue = F.normalize(torch.randn(constants.queue, 128, device=device), dim=1)
        self.place = 0
        parameters = [*self.query.parameters(), *self.projectors.parameters()]
        rate = constants.learning_rate
        self.optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=1e-4, fused=True)

    def encode(self, net: nn.ModuleList, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        vectors, maps = [], []
        for part in images.chunk(self.constants.bn_splits):
            stages = features(net[0], part)
            vectors.append(F.normalize(net[1](stages[-1].mean((2, 3))).float(), dim=1))
            if self.constants.method == "mse":
                maps.append([F.adaptive_avg_pool2d(s, size) for s, size in zip(stages, MAP_SIZES, strict=True)])
            elif self.constants.method == "barlow":
                maps.append([s.mean((2, 3)) for s in stages])
        return torch.cat(vectors), [torch.cat(m) for m in zip(*maps, strict=True)]

    def stage_term(self, stage: int, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if self.constants.method == "mse":
            a, b = (F.batch_norm(v.float(), None, None, training=True) for v in (a, b))
            return F.mse_loss(a, b)
        project = self.projectors[stage]
        a, b = (torch.cat([project(p) for p in v.chunk(self.constants.bn_splits)]).float() for v in (a, b))
        with torch.autocast(self.device.type, enabled=False):
            a, b = (F.batch_norm(v, None, None, training=True) for v in (a, b))
            c = a.T @ b / len(a)
            on = (c.diagonal() - 1).square().sum()
            return (on + OFF_DIAGONAL * (c.square().sum() - c.diagonal().square().sum())) / len(c)

    def __call__(self, view1: torch.Tensor, view2: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            query, maps = self.encode(self.query, view1)
            with torch.no_grad():
                moved = 1 - self.constants.momentum
                torch._foreach_lerp_(list(self.key.parameters()), list(self.query.parameters()), moved)
                order = torch.randperm(len(view2), device=view2.device)
                key, key_maps = self.encode(self.key, view2[order])
                back = order.argsort()
                key, key_maps = key[back], [m[back] for m in key_maps]
            stages = [self.stage_term(i, a, b) for i, (a, b) in enumerate(zip(maps, key_maps, strict=True))]
        similarity = torch.cat([(query * key).sum(1, keepdim=True), query @ self.queue.clone().T], 1)
        truth = torch.zeros(len(similarity), dtype=torch.long, device=similarity.device)
        loss = F.cross_entropy(similarity / self.constants.temperature, truth)
        if stages:
            loss = loss + sum(w * stage for w, stage in zip(self.constants.stage_weights, stages, strict=True))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.queue[self.place : self.place + len(key)] = key
        self.place = (self.place + len(key)) % self.constants.queue
        return loss.detach()
