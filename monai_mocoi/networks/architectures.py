"""Architectures: the ResNets that have a name, what each consists of, and which of them the bundles build.

It imports neither torch nor MONAI, so that a setting or a study is checked at once.
"""

from typing import Literal, NamedTuple, get_args

Architecture = Literal["resnet18", "resnet34", "resnet50", "resnet101"]
ARCHITECTURES: tuple[str, ...] = get_args(Architecture)
"""What the setting ``architecture`` may be."""
DEFAULT_ARCHITECTURE: Architecture = "resnet50"
"""What it is where nothing says otherwise: the paper's."""

_PLANES = (64, 128, 256, 512)
_EXPANSION = {"basic": 1, "bottleneck": 4}  # channels of a block's last convolution / of its first
_PARTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
    "resnet101": ("bottleneck", (3, 4, 23, 3)),
    "resnet152": ("bottleneck", (3, 8, 36, 3)),  # in no bundle, but weights of it are known by name, and exported
}


class ResNetShape(NamedTuple):
    """The kind and size of a ResNet of four stages."""

    block: str  # "basic" (two convolutions) or "bottleneck" (three)
    layers: tuple[int, ...]  # blocks of each stage; ResNet-50: 3, 4, 6, 3
    planes: tuple[int, ...]  # channels of each stage's first convolutions; usually 64, 128, 256, 512
    in_channels: int  # channels of an image
    downsample_bias: bool = False  # of the shortcuts' convolutions: MONAI's default, of no effect before BatchNorm

    @property
    def name(self) -> str | None:
        """As torchvision, timm and MONAI call it, such as "resnet50"; None: they have no such ResNet."""
        parts = (self.block, self.layers)
        return next((name for name, own in _PARTS.items() if own == parts), None) if self.planes == _PLANES else None

    @property
    def in_words(self) -> str:
        """The name, or what it consists of."""
        return self.name or f"{self.block} {list(self.layers)} {list(self.planes)}"

    @property
    def stage_channels(self) -> tuple[int, ...]:
        """Channels of each stage's map."""
        return tuple(planes * _EXPANSION[self.block] for planes in self.planes)


def shape_called(name: str) -> ResNetShape:
    """The shape of a ResNet that the bundles build, such as "resnet18", for images of three channels.

    A ValueError: they build no such one.

    >>> shape_called("resnet18").stage_channels
    (64, 128, 256, 512)
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"architecture is {name!r}, but must be one of {', '.join(ARCHITECTURES)}.")
    return ResNetShape(*_PARTS[name], _PLANES, 3)


def is_named(name: object) -> bool:
    """Whether it is the name of a ResNet, if only of one that no bundle builds."""
    return isinstance(name, str) and name in _PARTS


def architecture_in_words(name: object) -> str:
    """``ResNet-18``; of what has no name, or is not known, ``ResNet``."""
    return f"ResNet-{str(name).removeprefix('resnet')}" if is_named(name) else "ResNet"
