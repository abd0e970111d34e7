"""Our training step against a plain PyTorch step of the same arm: how much the engine costs.

    python benchmarks/step.py [--method mse] [--batch 32] [--size 224] [--rounds 5]

Both sides do the same mathematics on the same weights: query and key encoder, moving average, queue, losses, SGD; same
precision, memory format and BatchNorm parts. The plain side is written out below with nothing of ours but the layers of
the Barlow projector. The rounds of the two alternate, and the ratio of each pair is printed with its median. Images a
second are those of all rounds divided by the seconds of all rounds.
"""

from __future__ import annotations

import argparse
import copy
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

import monai
import torch
from monai.networks.nets import resnet50
from torch import nn
from torch.nn import functional as F

from monai_mocoi.engines import MoCoTrainer, autocast_dtype
from monai_mocoi.losses import BarlowTwinsLoss, InfoNCELoss, StageMSELoss
from monai_mocoi.networks import BarlowProjector, MoCo, NegativeQueue, PooledMap, ProjectionHead, StageEncoder

QUEUE, TEMPERATURE, EMA, LR = 1024, 0.2, 0.99, 1e-3
MAP_SIZES = (16, 16, 4, 4)
CHANNELS = (256, 512, 1024, 2048)


def backbone() -> nn.Module:
    """MONAI's ResNet-50 in torchvision's layout."""
    return resnet50(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False, feed_forward=False)


def head() -> nn.Sequential:
    """The recommended projection head."""
    return nn.Sequential(
        nn.Linear(2048, 1024, bias=False),
        nn.BatchNorm1d(1024),
        nn.ReLU(inplace=True),
        nn.Linear(1024, 128, bias=False),
        nn.BatchNorm1d(128, affine=False),
    )


class Plain:
    """A training step as one would write it in a script."""

    def __init__(self, method: str, splits: int, dtype: torch.dtype | None, device: str) -> None:
        self.method, self.splits, self.dtype, self.device = method, splits, dtype, device
        self.query = nn.ModuleList([backbone(), head()]).to(device, memory_format=torch.channels_last).train()
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        projectors = [BarlowProjector(c) for c in CHANNELS] if method == "barlow" else []
        self.projectors = nn.ModuleList(projectors).to(device)
        self.queue = F.normalize(torch.randn(QUEUE, 128, device=device), dim=1)
        self.place = 0
        parameters = [*self.query.parameters(), *self.projectors.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=LR, momentum=0.9, weight_decay=1e-4)

    def encode(self, net: nn.ModuleList, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        vectors, maps = [], []
        for part in images.chunk(self.splits):
            body = net[0]
            x = body.maxpool(body.act(body.bn1(body.conv1(part))))
            stages = []
            for layer in (body.layer1, body.layer2, body.layer3, body.layer4):
                x = layer(x)
                stages.append(x)
            vectors.append(F.normalize(net[1](x.mean((2, 3))).float(), dim=1))
            if self.method == "mse":
                maps.append([F.adaptive_avg_pool2d(s, size) for s, size in zip(stages, MAP_SIZES, strict=True)])
            elif self.method == "barlow":
                maps.append([s.mean((2, 3)) for s in stages])
        return torch.cat(vectors), [torch.cat(m) for m in zip(*maps, strict=True)]

    def stage_term(self, stage: int, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if self.method == "mse":
            a, b = (F.batch_norm(v.float(), None, None, training=True) for v in (a, b))
            return F.mse_loss(a, b)
        project = self.projectors[stage]
        a, b = (torch.cat([project(p) for p in v.chunk(self.splits)]).float() for v in (a, b))
        with torch.autocast(self.device, enabled=False):
            a, b = (F.batch_norm(v, None, None, training=True) for v in (a, b))
            c = a.T @ b / len(a)
            on = (c.diagonal() - 1).square().sum()
            return (on + 5e-3 * (c.square().sum() - c.diagonal().square().sum())) / len(c)

    def __call__(self, view1: torch.Tensor, view2: torch.Tensor) -> float:
        with torch.autocast(self.device, self.dtype, enabled=self.dtype is not None):
            query, maps = self.encode(self.query, view1)
            with torch.no_grad():
                torch._foreach_lerp_(list(self.key.parameters()), list(self.query.parameters()), 1 - EMA)
                order = torch.randperm(len(view2), device=view2.device)
                key, key_maps = self.encode(self.key, view2[order])
                back = order.argsort()
                key, key_maps = key[back], [m[back] for m in key_maps]
            stages = [self.stage_term(i, a, b) for i, (a, b) in enumerate(zip(maps, key_maps, strict=True))]
        logits = torch.cat([(query * key).sum(1, keepdim=True), query @ self.queue.clone().T], 1) / TEMPERATURE
        loss = F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))
        loss = loss + sum(0.25 * stage for stage in stages)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.queue[self.place : self.place + len(key)] = key
        self.place = (self.place + len(key)) % QUEUE
        return loss.item()


def ours(method: str, splits: int, precision: str, device: str) -> Callable[[dict[str, torch.Tensor]], None]:
    """Our network and trainer; one call is one iteration."""
    encoder = StageEncoder(backbone())
    stage_heads = {
        "moco": [],
        "mse": [PooledMap(size) for size in MAP_SIZES],
        "barlow": [BarlowProjector(channels) for channels in CHANNELS],
    }[method]
    stage_loss = {"moco": None, "mse": StageMSELoss(normalize=True), "barlow": BarlowTwinsLoss()}[method]
    moco = MoCo(
        encoder, ProjectionHead("mlp_bn", 2048, 1024), NegativeQueue(QUEUE), stage_heads, EMA, bn_splits=splits
    ).to(device, memory_format=torch.channels_last)
    moco.queue.enqueue(F.normalize(torch.randn(QUEUE, 128, device=device), dim=1))
    parameters = [p for p in moco.parameters() if p.requires_grad]
    trainer = MoCoTrainer(
        device,
        1,
        [{}],
        moco,
        torch.optim.SGD(parameters, lr=LR, momentum=0.9, weight_decay=1e-4),
        InfoNCELoss(TEMPERATURE, reduction="none"),
        stage_loss,
        precision=precision,
    )
    trainer.state.iteration = 1
    return lambda batch: trainer._iteration(trainer, batch)


def timed(step: Callable[[], object], steps: int, device: str) -> float:
    """Seconds a step."""
    began = time.perf_counter()
    for _ in range(steps):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description="Our training step against a plain PyTorch step of the same arm.")
    parser.add_argument("--method", choices=["moco", "mse", "barlow"], nargs="+", default=["moco", "mse", "barlow"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--channels", type=int, choices=[1, 3], default=3, help="of our input; the plain side takes 3")
    parser.add_argument("--splits", type=int, default=2, help="BatchNorm parts, on both sides")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="steps a round")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = autocast_dtype(args.precision, device)
    name = (
        torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()}, {torch.get_num_threads()} threads"
    )
    print(f"torch {torch.__version__}, monai {monai.__version__}, {name}, {dtype or torch.float32}, channels last")
    print(f"batch {args.batch}, {args.size} px, {args.channels} channel(s), bn_splits {args.splits}")
    for method in args.method:
        torch.manual_seed(0)
        view1 = torch.rand(args.batch, 1, args.size, args.size, device=device)
        view2 = 0.8 * view1 + 0.2 * torch.rand_like(view1)
        view1, view2 = (
            v.expand(-1, args.channels, -1, -1).contiguous(memory_format=torch.channels_last) for v in (view1, view2)
        )
        batch = {"view1": view1, "view2": view2, "index": torch.arange(args.batch, device=device)}
        our_step = ours(method, args.splits, args.precision, device)
        plain = Plain(method, args.splits, dtype, device)
        sides = {
            "ours": partial(our_step, batch),
            "plain": partial(plain, view1.expand(-1, 3, -1, -1), view2.expand(-1, 3, -1, -1)),
        }
        for step in sides.values():
            timed(step, 2, device)
        seconds: dict[str, list[float]] = {"ours": [], "plain": []}
        for _ in range(args.rounds):
            for side, step in sides.items():
                seconds[side].append(timed(step, args.steps, device))
        ratios = [a / b for a, b in zip(seconds["ours"], seconds["plain"], strict=True)]
        speeds = {side: args.batch * args.rounds / sum(s) for side, s in seconds.items()}
        print(
            f"{method:7} ours {speeds['ours']:7.1f} images/s, plain {speeds['plain']:7.1f} images/s, ours / plain: "
            f"median {statistics.median(ratios):.3f} (min {min(ratios):.3f}, max {max(ratios):.3f})"
        )


if __name__ == "__main__":
    main()
