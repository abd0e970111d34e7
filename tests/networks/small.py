"""Small networks for tests: the parts of the real ones, with few channels."""

from __future__ import annotations

import numpy as np
import torch
from monai.networks.nets import ResNet
from monai.transforms import Compose, RandFlip

from monai_mocoi.networks import (
    AlignedMap,
    BarlowProjector,
    MoCo,
    NegativeQueue,
    PooledMap,
    PooledVector,
    ProjectionHead,
    StageEncoder,
)
from monai_mocoi.networks.architectures import ResNetShape
from monai_mocoi.networks.resnet_shape import monai_resnet
from monai_mocoi.networks.stage_heads import StageHead
from monai_mocoi.transforms import RandResizedCrop, RandRotation, TwoViews


def small_resnet(block: str = "bottleneck", channels: int = 3) -> ResNet:
    """A ResNet of one block a stage, 4 to 32 planes, with torchvision's strides."""
    return ResNet(
        block,
        [1, 1, 1, 1],
        [4, 8, 16, 32],
        spatial_dims=2,
        n_input_channels=channels,
        conv1_t_stride=2,
        bias_downsample=False,
        feed_forward=False,
    )


def torchvision_layout(block: str, layers: tuple[int, ...], classes: int | None) -> ResNet:
    """MONAI's ResNet with torchvision's names, strides and outputs; ``test_resnet_shape.py`` shows that it has them."""
    return monai_resnet(ResNetShape(block, layers, (64, 128, 256, 512), 3), classes)


def small_moco(
    method: str = "moco", queue: int = 16, head: str = "mlp_bn", zero_init_residual: bool = False, **options: object
) -> MoCo:
    """A MoCo of small parts; ``options`` go to MoCo."""
    encoder = StageEncoder(small_resnet(), zero_init_residual)
    stage_heads: list[StageHead] = {
        "moco": [],
        "map": [PooledMap(size) for size in (4, 4, 2, 2)],
        "vector": [PooledVector() for _ in range(4)],
        "aligned": [AlignedMap(size, 0.1) for size in (4, 4, 2, 2)],
        "barlow": [BarlowProjector(channels, 16) for channels in encoder.stage_channels],
    }[method]
    return MoCo(
        encoder,
        ProjectionHead(head, encoder.stage_channels[-1], 24, 12),
        NegativeQueue(queue, 12),
        stage_heads,
        **{"seed": 1, **options},  # type: ignore[arg-type]
    )


def views(count: int, seed: int = 0, channels: int = 1, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Two related views of random images, float32."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(count, channels, size, size, generator=generator)
    return first, 0.8 * first + 0.2 * torch.rand(first.shape, generator=generator)


def geometries(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Where two views of each image lie in it, as ``TwoViewsd`` gives it: turned, cropped and mirrored."""
    steps = [RandRotation(60, prob=0.7), RandResizedCrop(32, scale=(0.1, 0.8)), RandFlip(0.5, spatial_axis=1)]
    pair = TwoViews(Compose(steps))
    drawn = np.stack([pair.draw(100 * seed + number, (1, 40, 40)) for number in range(count)], axis=1)
    first, second = torch.from_numpy(pair.maps(drawn, (1, 40, 40)))
    return first, second
