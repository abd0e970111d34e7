"""A ResNet with torchvision's names, strides and outputs, made without torchvision.

It is what an export to torchvision's names is tried in; for use there are MONAI's own ResNet and
:class:`~monai_mocoi.networks.StageEncoder`. The strided convolution of a bottleneck is the 3 x 3 one (torchvision's
"version 1.5" of He et al. 2015, where it is the first).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class TorchvisionLayout(nn.Module):
    """A ResNet whose ``state_dict`` and outputs are those of torchvision's.

    Args:
        block: "basic" or "bottleneck".
        layers: blocks of each of the four stages.
        classes: outputs of the last layer ``fc``; None: there is none, as after ``net.fc = torch.nn.Identity()``.
    """

    def __init__(self, block: str, layers: Sequence[int], classes: int | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.stages = len(layers)
        channels = 64
        for stage, blocks in enumerate(layers):
            parts: list[nn.Module] = []
            for index in range(blocks):
                stride = 2 if stage and not index else 1
                parts.append(_Block(channels, 64 * 2**stage, stride, block == "bottleneck"))
                channels = 64 * 2**stage * (4 if block == "bottleneck" else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*parts))
        self.fc = nn.Identity() if classes is None else nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``(N, 3, H, W)`` images to ``(N, classes)`` logits, or ``(N, F)`` averaged features without ``fc``."""
        x = nn.functional.relu(self.bn1(self.conv1(images)))
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean(dim=(2, 3)))


class _Block(nn.Module):
    def __init__(self, channels: int, planes: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        # Size and stride of each convolution; with what comes out of the last.
        sizes = [(1, 1), (3, stride), (1, 1)] if bottleneck else [(3, stride), (3, 1)]
        out = planes * 4 if bottleneck else planes
        self.depth = len(sizes)
        before = channels
        for number, (size, step) in enumerate(sizes, start=1):
            after = out if number == self.depth else planes
            self.add_module(f"conv{number}", nn.Conv2d(before, after, size, step, padding=size // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(after))
            before = after
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        for number in range(1, self.depth + 1):
            x = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(x))
            if number < self.depth:
                x = nn.functional.relu(x)
        return nn.functional.relu(x + shortcut)
