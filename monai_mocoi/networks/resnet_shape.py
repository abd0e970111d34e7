"""ResNet architectures: which one a state dict belongs to, and MONAI's network of it."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from monai.networks.nets.resnet import ResNet
from monai.networks.nets.resnet import resnet50 as monais_resnet50

from monai_mocoi.errors import WeightsError

_NAMED: dict[tuple[str, tuple[int, ...]], str] = {
    ("basic", (2, 2, 2, 2)): "resnet18",
    ("basic", (3, 4, 6, 3)): "resnet34",
    ("bottleneck", (3, 4, 6, 3)): "resnet50",
    ("bottleneck", (3, 4, 23, 3)): "resnet101",
    ("bottleneck", (3, 8, 36, 3)): "resnet152",
}


class ResNetShape(NamedTuple):
    """The kind and size of a ResNet of four stages."""

    block: str  # "basic" (two convolutions) or "bottleneck" (three)
    layers: tuple[int, ...]  # blocks of each stage; ResNet-50: 3, 4, 6, 3
    planes: tuple[int, ...]  # channels of each stage's first convolutions; usually 64, 128, 256, 512
    in_channels: int  # channels of an image
    downsample_bias: bool = False
    """The convolutions of the shortcuts have a bias: MONAI's default, of no effect before BatchNorm's own."""

    @property
    def name(self) -> str | None:
        """As torchvision, timm and MONAI call it, such as "resnet50"; None: they have no such ResNet."""
        return _NAMED.get((self.block, self.layers)) if self.planes == (64, 128, 256, 512) else None

    @property
    def in_words(self) -> str:
        """The name, or what it consists of."""
        return self.name or f"{self.block} {list(self.layers)} {list(self.planes)}"

    @property
    def stage_channels(self) -> tuple[int, ...]:
        """Channels of each stage's map."""
        return tuple(planes * (4 if self.block == "bottleneck" else 1) for planes in self.planes)


def shape_of_resnet(state: Mapping[str, torch.Tensor]) -> ResNetShape:
    """Tell a ResNet from its state dict in torchvision's names. Strides are not in it: torchvision's are meant.

    Raises:
        WeightsError: a name is missing, so it is another kind of network.
    """
    needed = ("conv1.weight", *(f"layer{stage}.0.conv1.weight" for stage in range(1, 5)))
    missing = [name for name in needed if name not in state]
    if missing:
        raise WeightsError(
            f"the weights have no {missing[0]}: they are of another network than a ResNet of torchvision's kind."
        )
    blocks = [match for name in state if (match := re.fullmatch(r"layer(\d)\.(\d+)\.conv1\.weight", name))]
    stages = range(1, 5)
    return ResNetShape(
        block="bottleneck" if "layer1.0.conv3.weight" in state else "basic",
        layers=tuple(sum(int(match[1]) == stage for match in blocks) for stage in stages),
        planes=tuple(int(state[f"layer{stage}.0.conv1.weight"].shape[0]) for stage in stages),
        in_channels=int(state["conv1.weight"].shape[1]),
        downsample_bias="layer2.0.downsample.0.bias" in state,
    )


def name_of_resnet(state: Mapping[str, torch.Tensor]) -> str | None:
    """Its name, such as "resnet50"; None: it has none, or the weights are of another kind of network."""
    try:
        return shape_of_resnet(state).name
    except WeightsError:
        return None


def monai_resnet(shape: ResNetShape, classes: int | None) -> ResNet:
    """MONAI's ResNet of a shape, with torchvision's strides; ``classes`` None: without its last layer."""
    return ResNet(
        shape.block,
        list(shape.layers),
        list(shape.planes),
        spatial_dims=2,
        n_input_channels=shape.in_channels,
        conv1_t_stride=2,
        bias_downsample=shape.downsample_bias,
        num_classes=classes or 1,
        feed_forward=classes is not None,
    )


def resnet50() -> ResNet:
    """MONAI's ResNet-50 with torchvision's strides and shortcuts, so that public weights fit, and no classifier.

    MONAI's defaults are three-dimensional, with stride 1 in the first layer and a bias in the shortcuts.
    """
    return monais_resnet50(
        spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False, feed_forward=False
    )
