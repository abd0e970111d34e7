"""The classifier in the part of Python that TorchScript knows: ``torch.jit.script`` compiles it for ``ckpt_export``."""

import torch
from monai.networks.nets.resnet import ResNet
from torch import nn

from monai_mocoi.networks.resnet_shape import stages_of
from monai_mocoi.networks.stage_encoder import StageEncoder


class ScriptableClassifier(nn.Module):
    """A classifier's layers under their names, with its outputs; ``torch.jit.script(classifier)`` compiles this one.

    The layers are shared, not copied, each in the mode that it is in. A ``head`` that is an identity gives the features
    of an encoder.
    """

    def __init__(self, encoder: StageEncoder, head: nn.Module, stage: int | str) -> None:
        super().__init__()
        self.encoder = _Encoder(encoder.backbone, stage)
        self.head = head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify images: ``(N, C, H, W)`` to ``(N, classes)`` logits."""
        maps = self.encoder(images)
        features = averaged(maps[0])
        if len(maps) > 1:
            features = torch.cat([averaged(own) for own in maps], dim=1)
        outputs: torch.Tensor = self.head(features)
        return outputs


def averaged(maps: torch.Tensor) -> torch.Tensor:
    """``(N, C, H, W)`` to ``(N, C)``, in single precision at least."""
    values = maps if maps.dtype == torch.float64 else maps.float()
    return values.mean(dim=(2, 3))


class _Encoder(nn.Module):
    def __init__(self, backbone: ResNet, stage: int | str) -> None:
        super().__init__()
        self.backbone = _Stages(backbone, stage)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps: list[torch.Tensor] = self.backbone(images)
        return maps


class _Stages(nn.Module):
    """A ResNet up to one of its stages, or the maps of all; later stages are kept for their names."""

    __constants__ = ("in_channels", "last", "every")  # what TorchScript is to decide by when it compiles

    def __init__(self, net: ResNet, stage: int | str) -> None:
        super().__init__()
        wanted = stages_of(stage)
        self.last, self.every = wanted[-1], len(wanted) > 1
        self.in_channels = int(net.conv1.in_channels)
        self.conv1, self.bn1, self.act = net.conv1, net.bn1, net.act
        self.maxpool = nn.Identity() if net.no_max_pool else net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        if images.shape[1] == 1 and self.in_channels != 1:
            conv = self.conv1  # one channel enters as equal ones, see StageEncoder
            weight = conv.weight.sum(dim=1, keepdim=True)
            x = nn.functional.conv2d(images, weight, conv.bias, conv.stride, conv.padding, conv.dilation)
        else:
            x = self.conv1(images)
        x = self.layer1(self.maxpool(self.act(self.bn1(x))))
        maps = [x]
        if self.last >= 2:
            x = self.layer2(x)
            maps.append(x)
        if self.last >= 3:
            x = self.layer3(x)
            maps.append(x)
        if self.last >= 4:
            x = self.layer4(x)
            maps.append(x)
        return maps if self.every else [x]
