"""Aligned stage maps: read where both views show the same tissue, so that place is compared with place (fault A13)."""

from collections.abc import Iterable

import torch

from monai_mocoi.errors import UsageError
from monai_mocoi.networks.map_sampling import sample_map
from monai_mocoi.networks.stage_heads import StageHead
from monai_mocoi.networks.stage_overlap import StageOverlaps

NO_GEOMETRY = (
    "stage_pooling aligned compares stages where both views show the same tissue, but the views do not tell how they "
    "lie in their image: set geometry of TwoViewsd (views#geometry) to true, and give geometry= of both views to the "
    "network; or choose another stage_pooling."
)
_ROUNDING = 1e-6  # of the maps, which are in single precision


class AlignedMap(StageHead):
    """The map, read between its positions, at points of the image that both views show.

    The points are a grid over the bounding box of what the positions of both maps span, see
    :func:`~monai_mocoi.networks.stage_overlap.stage_overlaps`; the loss leaves out those that lie beyond one of them.
    Of two views that are the whole image they are the map's positions, if there are no more of them than ``size``.

    Args:
        size: points a side of the grid, 1 or more; at most as many as the map has positions.
        min_overlap: 0..1; a pair is left out where what both views show is a smaller part of the larger one. 0: none.

    Raises:
        ValueError: one of them is out of its range.
    """

    def __init__(self, size: int, min_overlap: float) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"size is {size}, but must be 1 (point a side) or more.")
        if not 0 <= min_overlap <= 1:
            raise ValueError(f"min_overlap is {min_overlap}, but must lie in 0..1 (0.1 is 10 % of the larger view).")
        self.size, self.min_overlap = size, min_overlap

    def pool(self, stage: torch.Tensor) -> torch.Tensor:
        """Refused (UsageError): what is read depends on how the views lie."""
        raise UsageError(NO_GEOMETRY)

    def sample(self, stage: torch.Tensor, to_map: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` to ``(N, C, rows, columns)``, by maps ``(N, 2, 3)`` from the grid to the stage's map."""
        return sample_map(stage, to_map, *(min(self.size, side) for side in stage.shape[2:]))


def shown_points(
    heads: Iterable[AlignedMap], maps: Iterable[torch.Tensor], overlap: StageOverlaps
) -> tuple[torch.Tensor, ...]:
    """Which points count, bool (N, rows, columns), for each head and the map ``(N, C, rows, columns)`` it read."""
    return tuple(
        stage.shown(read.shape[2], read.shape[3]) & (overlap.share >= head.min_overlap - _ROUNDING)[:, None, None]
        for head, read, stage in zip(heads, maps, overlap.stages, strict=True)
    )
