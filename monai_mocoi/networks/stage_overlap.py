"""Overlap of two views as the stages of a network see them: of what the positions of its maps span."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from monai_mocoi.networks.view_overlap import ViewOverlap, view_overlap


class StageOverlaps(NamedTuple):
    """Of N pairs of views."""

    share: torch.Tensor  # (N,) of the views themselves: area of the overlap, as a share of the larger view's
    stages: tuple[ViewOverlap, ...]  # of each stage's maps, which run from -1, the first position, to 1, the last

    @property
    def query(self) -> torch.Tensor:
        """(N, stages, 2, 3) from each stage's grid to the first view's map."""
        return torch.stack([stage.query for stage in self.stages], dim=1)

    @property
    def key(self) -> torch.Tensor:
        """(N, stages, 2, 3) and to the second's."""
        return torch.stack([stage.key for stage in self.stages], dim=1)


def stage_overlaps(
    geometry: tuple[torch.Tensor, torch.Tensor], sizes: Sequence[Sequence[int]], strides: Sequence[int]
) -> StageOverlaps:
    """The overlap of N pairs of views, of which a network with these strides makes the maps of its stages.

    A map tells nothing of places beyond its outermost positions, so that it is taken for a part of the view, which
    ends there; what both maps span is then the overlap of two such parts.

    Args:
        geometry: of both views, (N, pictures, 2, 3), see :func:`~monai_mocoi.networks.view_overlap.view_overlap`.
        sizes: (rows, columns) of both views.
        strides: pixels from one position to the next, for each stage.
    """
    parts = [
        torch.cat([view.double(), *(_spanned(view.double(), size, stride) for stride in strides)])
        for view, size in zip(geometry, sizes, strict=True)
    ]
    found = view_overlap(*parts)  # of the views, then of each stage, all at once
    fields = (field.chunk(1 + len(strides)) for field in found)
    whole, *stages = (ViewOverlap(*own) for own in zip(*fields, strict=True))
    return StageOverlaps(whole.share, tuple(stages))


def _spanned(view: torch.Tensor, size: Sequence[int], stride: int) -> torch.Tensor:
    """A view's maps (N, pictures, 2, 3), led on to the part of it that the positions of a stage's map span."""
    (down, middle), (along, centre) = (_span(pixels, stride) for pixels in size)
    x, y, shift = view.unbind(-1)
    return torch.stack([x * along, y * down, x * centre + y * middle + shift], dim=-1)


def _span(pixels: int, stride: int) -> tuple[float, float]:
    """Half the length of what the positions of a map span, and its middle, in a view that runs from -1 to 1.

    Position i is centred on pixel ``stride`` * i, because all kernels are odd and padded by half their size. A single
    position stands for the whole view.
    """
    last = (pixels - 1) // stride * stride
    return (last / pixels, (last + 1) / pixels - 1) if last else (1.0, 0.0)
