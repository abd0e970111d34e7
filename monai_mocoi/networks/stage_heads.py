"""Stage heads: what of a stage's map enters the intermediate loss.

``pool`` has no parameters and runs where the map was made; ``forward`` takes the pooled map, in the batch's own order,
and returns what the loss compares. Only Barlow projectors have weights: they are part of the network.
"""

from collections.abc import Sequence

import torch
from torch import nn

from monai_mocoi.networks.batch_statistics import one_update
from monai_mocoi.networks.stage_encoder import StageEncoder


class StageHead(nn.Module):
    """Base of the stage heads: pools to one vector and passes it on."""

    def pool(self, stage: torch.Tensor) -> torch.Tensor:
        """Reduce a stage map ``(N, C, H, W)``, without weights."""
        return stage.mean(dim=(2, 3))

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Turn the pooled map into what the loss compares."""
        return pooled


class PooledMap(StageHead):
    """The map, adaptively averaged to ``size`` x ``size`` positions: the paper's stage MSE.

    The paper has 16, 16, 4, 4 for the four stages. A map whose sides divide it stays as it is: repeating its values
    would change no mean over them.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def pool(self, stage: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` to ``(N, C, size, size)``, or as it is."""
        height, width = stage.shape[2:]
        if self.size % height == 0 and self.size % width == 0:
            return stage
        return nn.functional.adaptive_avg_pool2d(stage, self.size)


class PooledVector(StageHead):
    """The map, averaged over all positions: the authors' histopathology variant."""


class BarlowProjector(StageHead):
    """Global average, then the three-layer projector of Barlow Twins.

    Linear, BatchNorm, ReLU, Linear, BatchNorm, ReLU, Linear; no linear layer has a bias.

    Args:
        in_features: channels of the stage: 256, 512, 1024, 2048 for the stages of ResNet-50.
        features: width of the three layers; 2048 in the paper.

    Examples:
        >>> import torch
        >>> from monai_mocoi.networks import BarlowProjector
        >>> BarlowProjector(in_features=64, features=32)(torch.rand(4, 64)).shape
        torch.Size([4, 32])
    """

    def __init__(self, in_features: int, features: int = 2048) -> None:
        super().__init__()
        self.projector = nn.Sequential(
            nn.Linear(in_features, features, bias=False),
            nn.BatchNorm1d(features),
            nn.ReLU(inplace=True),
            nn.Linear(features, features, bias=False),
            nn.BatchNorm1d(features),
            nn.ReLU(inplace=True),
            nn.Linear(features, features, bias=False),
        )

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """``(N, in_features)`` to ``(N, features)``."""
        return self.project([pooled], 1)[0]

    def project(self, views: Sequence[torch.Tensor], parts: int) -> list[torch.Tensor]:
        """Pass views of equal size through together; only BatchNorm sees them apart, each in parts of its batch.

        A linear layer works row by row, and its weights, of which there are more than the encoder's, are read and
        their gradient is made once instead of once a part.
        """
        rows = torch.cat(list(views))
        for layer in self.projector:
            if not isinstance(layer, nn.BatchNorm1d):
                rows = layer(rows)
                continue
            normed = []
            for view in rows.chunk(len(views)):
                with one_update(parts, layer) as part_done:
                    for part in view.tensor_split(parts):
                        normed.append(layer(part))
                        part_done()
            rows = torch.cat(normed)
        return list(rows.chunk(len(views)))


def barlow_projectors(encoder: StageEncoder, features: int = 2048) -> list[StageHead]:
    """A :class:`BarlowProjector` of its own for each stage of an encoder; ``features`` is the width of their layers."""
    return [BarlowProjector(channels, features) for channels in encoder.stage_channels]
