"""ResNets by their shape: which one a state dict is of, MONAI's network of it, and its four stages."""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import mul
from typing import Any

import torch
from monai.networks.nets.resnet import ResNet

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.architectures import DEFAULT_ARCHITECTURE, ResNetShape, shape_called

STAGES = (1, 2, 3, 4)
"""The stages of a ResNet, from the first, with the largest maps, to the last."""
STAGES_AND_ALL: tuple[int | str, ...] = (*STAGES, "all")
"""What ``stage`` may be: "all" means the averaged features of the four stages, side by side."""


def shape_of_resnet(state: Mapping[str, torch.Tensor]) -> ResNetShape:
    """Tell a ResNet from its state dict in torchvision's names. Strides are not in it: torchvision's are meant.

    A name is missing, so that it is another kind of network: a WeightsError.
    """
    needed = ("conv1.weight", *(f"layer{stage}.0.conv1.weight" for stage in STAGES))
    if missing := [name for name in needed if name not in state]:
        raise WeightsError(
            f"the weights have no {missing[0]}: they are of another network than a ResNet of torchvision's kind."
        )
    blocks = [match for name in state if (match := re.fullmatch(r"layer(\d)\.(\d+)\.conv1\.weight", name))]
    return ResNetShape(
        block="bottleneck" if "layer1.0.conv3.weight" in state else "basic",
        layers=tuple(sum(int(match[1]) == stage for match in blocks) for stage in STAGES),
        planes=tuple(int(state[f"layer{stage}.0.conv1.weight"].shape[0]) for stage in STAGES),
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


def resnet(architecture: str = DEFAULT_ARCHITECTURE) -> ResNet:
    """MONAI's ResNet of a name, such as "resnet18", for three channels and without its last layer.

    It has torchvision's strides and shortcuts, so that public weights fit. A ValueError: there is no such ResNet.
    """
    return monai_resnet(shape_called(architecture), None)


def resnet50() -> ResNet:
    """The ResNet-50 of :func:`resnet`, as bundles and packages of earlier versions name it."""
    return resnet("resnet50")


def strides_of(backbone: ResNet) -> tuple[int, ...]:
    """Pixels of an image from one position of a stage's map to the next, for each stage."""
    layers: list[Any] = [backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4]
    conv: Any = backbone.conv1
    first = conv.stride[0] * (1 if backbone.no_max_pool else backbone.maxpool.stride)
    return tuple(accumulate((layer[0].stride for layer in layers), mul, initial=first))[1:]


def stages_of(stage: int | str) -> tuple[int, ...]:
    """The stages whose averaged features a classifier reads, in order; a ValueError: none of :data:`STAGES_AND_ALL`."""
    if isinstance(stage, bool) or stage not in STAGES_AND_ALL:
        raise ValueError(f"stage is {stage!r}, but must be 1, 2, 3, 4 (the last) or 'all'.")
    return STAGES if isinstance(stage, str) else (stage,)


def width_of(stage: int | str, stage_channels: Sequence[int]) -> int:
    """How many features those are, given the channels of the four stages."""
    return sum(stage_channels[own - 1] for own in stages_of(stage))


def stage_of_width(width: int, stage_channels: Sequence[int]) -> int | str | None:
    """The stage, or "all", with so many features; None: there is none."""
    return next((stage for stage in STAGES_AND_ALL if width_of(stage, stage_channels) == width), None)


def stage_in_words(stage: int | str) -> str:
    """``stage 4``, or ``all four stages``."""
    return "all four stages" if stage == "all" else f"stage {stage}"
