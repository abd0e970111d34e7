"""The encoder: a MONAI ResNet that returns its pooled embedding and the maps of its four stages."""

from typing import Any, NamedTuple

import torch
from monai.networks.nets.resnet import ResNet, ResNetBottleneck
from torch import nn

from monai_mocoi.networks.recomputed_block import recomputed_stage
from monai_mocoi.networks.resnet_shape import stages_of, strides_of


class StageFeatures(NamedTuple):
    """What a :class:`StageEncoder` returns.

    ``embedding``: ``(N, F)``, the last stage's map, averaged over its positions; F is 2048 for ResNet-50. ``stages``:
    four maps ``(N, C, H, W)``; for ResNet-50 C = 256, 512, 1024, 2048 at 1/4, 1/8, 1/16, 1/32 of the input.
    """

    embedding: torch.Tensor
    stages: tuple[torch.Tensor, ...]


class StageEncoder(nn.Module):
    """A 2-D MONAI ResNet without its classification layer, seen stage by stage.

    With ``spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False`` a MONAI ResNet has the
    strides, names and outputs of torchvision's, so that weights fit into torchvision and timm and the other way round.
    A one-channel image enters a three-channel first layer as three equal channels: the first convolution's weights are
    summed over their input channels, so that no copy of the image is made or kept for the gradient.

    Args:
        backbone: any 2-D ``monai.networks.nets.ResNet``; its classification layer is taken off.
        zero_init_residual: start every residual branch at zero (the last BatchNorm weight of each block), so that the
            blocks start as identities (Goyal et al. 2017); one setting for every method (fault A8).
        activation_checkpointing: compute blocks again in the backward pass; less memory, more time, the same result.

    Raises:
        TypeError: the backbone is not a MONAI ResNet; a ValueError: it is not two-dimensional.

    Examples:
        >>> import torch
        >>> from monai.networks.nets import resnet18
        >>> from monai_mocoi.networks import StageEncoder
        >>> backbone = resnet18(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, feed_forward=False)
        >>> features = StageEncoder(backbone)(torch.rand(2, 1, 64, 64))
        >>> features.embedding.shape
        torch.Size([2, 512])
        >>> [tuple(stage.shape[1:]) for stage in features.stages]
        [(64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)]
    """

    stage_channels: tuple[int, ...]
    stage_strides = property(lambda self: strides_of(self.backbone), doc="Pixels from a stage's position to the next.")

    def __init__(
        self, backbone: ResNet, zero_init_residual: bool = False, activation_checkpointing: bool = False
    ) -> None:
        super().__init__()
        if not isinstance(backbone, ResNet):
            raise TypeError(
                f"backbone is a {type(backbone).__name__}, but must be a monai.networks.nets.ResNet, for example "
                "monai.networks.nets.resnet50(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, "
                "bias_downsample=False, feed_forward=False)."
            )
        if not isinstance(backbone.conv1, nn.Conv2d):
            raise ValueError(
                f"the backbone's first layer is a {type(backbone.conv1).__name__}, but images have two dimensions: "
                "build the backbone with spatial_dims=2 (MONAI's default is 3)."
            )
        backbone.fc = None
        self.backbone = backbone
        self.zero_init_residual = zero_init_residual
        self._recompute = activation_checkpointing  # private: it is no part of what a run learns
        last: list[Any] = [stage[-1] for stage in self._stages()]
        convolutions = [block.conv3 if isinstance(block, ResNetBottleneck) else block.conv2 for block in last]
        self.stage_channels = tuple(int(convolution.out_channels) for convolution in convolutions)
        if zero_init_residual:
            self._zero_residuals()

    def _stages(self) -> tuple[nn.Sequential, ...]:
        net = self.backbone
        return net.layer1, net.layer2, net.layer3, net.layer4

    def reset_parameters(self) -> None:
        """Draw the weights again, as MONAI's ResNet does: He et al. 2015, fan-out; BatchNorm 1 and 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        if self.zero_init_residual:
            self._zero_residuals()

    def _zero_residuals(self) -> None:
        for block in (block for stage in self._stages() for block in stage):
            last: Any = block.bn3 if isinstance(block, ResNetBottleneck) else block.bn2
            nn.init.zeros_(last.weight)

    def forward(self, images: torch.Tensor) -> StageFeatures:
        """Encode images ``(N, C, H, W)``, normalised as the encoder's card says; C is the first layer's, or 1."""
        maps = self._maps(images, 4)
        return StageFeatures(maps[-1].mean(dim=(2, 3)), tuple(maps))

    def averaged(self, images: torch.Tensor, stage: int | str) -> torch.Tensor:
        """Features ``(N, F)`` of a stage (1..4), or "all": the maps, averaged over their positions; no later stage is
        computed. In single precision at least, also where autocast has computed the maps in half.
        """
        wanted = stages_of(stage)
        maps = self._maps(images, wanted[-1])
        parts = [maps[own - 1] for own in wanted]
        parts = [(own if own.dtype == torch.float64 else own.float()).mean(dim=(2, 3)) for own in parts]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def _maps(self, images: torch.Tensor, count: int) -> list[torch.Tensor]:
        net = self.backbone
        x = net.act(net.bn1(self._first_convolution(images)))
        x = x if net.no_max_pool else net.maxpool(x)
        maps = []
        for stage in self._stages()[:count]:
            # As a whole, because Grad-CAM listens to it.
            x = recomputed_stage(stage, x) if self._recompute and self.training else stage(x)
            maps.append(x)
        return maps

    def _first_convolution(self, images: torch.Tensor) -> torch.Tensor:
        conv: Any = self.backbone.conv1
        if images.shape[1] == conv.in_channels:
            convolved: torch.Tensor = conv(images)
            return convolved
        if images.shape[1] != 1:
            raise ValueError(
                f"the images have {images.shape[1]} channels, but the encoder's first layer takes {conv.in_channels} "
                "(or 1, entered as equal channels): set the bundle's `channels`, or build the encoder with as many."
            )
        weight = conv.weight.sum(dim=1, keepdim=True)
        if conv.weight.is_contiguous(memory_format=torch.channels_last):
            # With one channel both formats have the same order in memory; the strides alone tell the convolution which
            # is meant, and thereby the format of all that follows.
            height, width = images.shape[2:]
            images = images.contiguous().as_strided(images.shape, (height * width, 1, width, 1))
        return nn.functional.conv2d(images, weight, conv.bias, conv.stride, conv.padding, conv.dilation)


def draw_weights(module: nn.Module, seed: int) -> None:
    """Draw a module's weights again: the same seed and shape give the same weights, bit for bit, whatever was before.

    The module is on the CPU. Torch's own random state is left as it was. The layers of a ``module`` that is no encoder
    have ``reset_parameters``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs too
        if isinstance(module, StageEncoder):
            module.reset_parameters()
            return
        for layer in module.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
