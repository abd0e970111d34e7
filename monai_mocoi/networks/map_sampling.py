"""Bilinear sampling of a network's maps at the points of a grid, cheaper than ``torch``'s ``grid_sample``.

A map in channels-last order is read row by row of its channels, in its own precision, and gets its gradient in the same
order; ``grid_sample`` would make a copy of it in single precision, and a gradient in another order, for which the
backward pass of BatchNorm pays dearly.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable


def sample_map(stage: torch.Tensor, to_map: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Read maps ``(N, C, H, W)`` at the points of a grid, between their positions.

    Beyond the outermost positions these count, as in ``grid_sample`` with ``padding_mode="border"``.

    Args:
        stage: any floating point; it has a gradient, the grid has none.
        to_map: ``(N, 2, 3)`` affine maps from the grid to the map, both from -1, their first points, to 1, their last,
            as ``affine_grid`` takes them with ``align_corners=True``.
        rows, columns: of the grid.

    Returns:
        ``(N, C, rows, columns)`` in at least single precision.
    """
    samples, channels, height, width = stage.shape
    x, y = (points_along(count, to_map) for count in (columns, rows))
    by_x, by_y, shift = (to_map[:, :, part, None, None] for part in range(3))
    places = by_x * x + by_y * y[:, None] + shift  # (N, 2, rows, columns)
    left, right, along = _neighbours(places[:, 0], width)
    above, below, down = _neighbours(places[:, 1], height)
    first = torch.arange(samples, device=stage.device)[:, None, None] * height
    positions = [(first + row) * width + column for row in (above, below) for column in (left, right)]
    weights = [one * other for one in (1 - down, down) for other in (1 - along, along)]
    wide = torch.promote_types(stage.dtype, torch.float32)
    sampled: torch.Tensor = _WeightedRows.apply(  # type: ignore[no-untyped-call]
        stage.permute(0, 2, 3, 1).reshape(-1, channels),
        torch.stack(positions).view(4, -1),
        torch.stack(weights).view(4, -1, 1).to(wide),
    )
    return sampled.view(samples, rows, columns, channels).permute(0, 3, 1, 2)


def points_along(count: int, like: torch.Tensor) -> torch.Tensor:
    """``count`` points from -1 to 1, a single one at 0, in the number type and on the device of another tensor."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) * 2 - (count - 1)) / max(count - 1, 1)


def _neighbours(places: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The positions before and after places in -1..1, and how far they lie from the one to the other, 0..1."""
    along = ((places + 1) / 2 * (length - 1)).clamp(0, length - 1)
    before = along.long()
    return before, (before + 1).clamp(max=length - 1), along - before


class _WeightedRows(torch.autograd.Function):
    """Sums ``(M, C)`` of rows of a table ``(P, C)``: four each, by places (4, M) and weights (4, M, 1).

    Written by hand: autograd would make a gradient of the whole table for each of the four, and add them up.
    """

    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, places: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(places, weights)
        ctx.shape, ctx.dtype = table.shape, table.dtype
        result = weights.new_zeros(places.shape[1], table.shape[1])
        for place, weight in zip(places, weights, strict=True):
            result.addcmul_(table.index_select(0, place).to(weight.dtype), weight)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        places, weights = ctx.saved_tensors
        gradient = torch.zeros(ctx.shape, dtype=weights.dtype, device=weights.device)
        for place, weight in zip(places, weights, strict=True):
            gradient.index_add_(0, place, grads[0] * weight)
        return gradient.to(ctx.dtype), None, None
