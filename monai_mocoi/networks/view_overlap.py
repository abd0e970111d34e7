"""Overlap of two views of an image: the part of it that both show, and where its points lie in either view.

All maps are affine, (2, 3), in coordinates that run from -1 to 1 over a picture, from edge to edge, as in ``torch``'s
``affine_grid`` with ``align_corners=False``; a grid's first points lie at -1, and its last at 1. Computed in float64,
which neither autocast nor TF32 shortens; nothing waits for a GPU.
"""

from typing import NamedTuple

import torch

from monai_mocoi.networks.map_sampling import points_along

_SLACK = 1e-4  # of half a picture: edges that the views have in common may differ by rounding
_PARALLEL = 1e-6  # sine of the angle; the crossing of such edges is made of rounding errors


class ViewOverlap(NamedTuple):
    """Of N pairs of views. The overlap's bounding box in the image is the square of a grid, from -1 to 1."""

    query: torch.Tensor  # (N, 2, 3) from the grid to the first view
    key: torch.Tensor  # (N, 2, 3) and to the second
    edges: torch.Tensor  # (N, E, 3) both views show (x, y) of the grid where edge @ (x, y, 1) <= 0 for every edge
    share: torch.Tensor  # (N,) area of the overlap, as a share of the larger view's

    def shown(self, rows: int, columns: int) -> torch.Tensor:
        """Which of the grid's points both views show, bool (N, rows, columns)."""
        x, y = (points_along(count, self.edges) for count in (columns, rows))
        along, down, beyond = (self.edges[:, :, part, None, None] for part in range(3))
        # The outermost points lie on edges, which the corners of the box may miss by the slack.
        inside = along * x + down * y[:, None] + beyond <= 2 * _SLACK
        return inside.all(dim=1) & (self.share > 0)[:, None, None]


def view_overlap(query: torch.Tensor, key: torch.Tensor) -> ViewOverlap:
    """The overlap of N pairs of views, by their maps (N, pictures, 2, 3).

    A view's maps lead from it to each picture that it was cut from, the image being the last, see
    :func:`~monai_mocoi.transforms.view_maps.view_maps`; it shows what lies inside itself and all of them. So the
    overlap is a convex polygon, whose corners are those crossings of two edges that no other edge cuts off.
    """
    maps = [_squared(view.double()) for view in (query, key)]
    from_image = [_inverse(view[:, -1]) for view in maps]
    frames = [torch.eye(3, dtype=torch.float64, device=query.device).expand(len(query), 1, 3, 3)]
    for view, back in zip(maps, from_image, strict=True):
        frames += [back[:, None], view[:, :-1] @ back[:, None]]
    coordinates = torch.cat(frames, dim=1)[:, :, :2].flatten(1, 2)
    edges = torch.cat([coordinates, -coordinates], dim=1)
    edges[:, :, 2] -= 1  # a coordinate is at most 1, and so is its negative

    corners, real = _corners(edges)
    found = real.any(dim=1)
    low = torch.where(real[..., None], corners, torch.inf).amin(dim=1)
    high = torch.where(real[..., None], corners, -torch.inf).amax(dim=1)
    low, high = (torch.where(found[:, None], end, 0.0) for end in (low, high))
    to_image = _squared(torch.cat([torch.diag_embed((high - low) / 2), (high + low)[..., None] / 2], dim=2))
    larger = torch.stack([4 * _determinant(view[:, -1]).abs() for view in maps]).amax(dim=0)
    share = torch.where(found, _area(corners, real) / larger, 0.0).clamp(max=1)
    first, second = ((back @ to_image)[:, :2] for back in from_image)
    return ViewOverlap(first, second, edges @ to_image, share)


def _corners(edges: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Crossings (N, P, 2) of every two edges, and which of them no edge cuts off."""
    one, other = torch.triu_indices(edges.shape[1], edges.shape[1], offset=1, device=edges.device)
    crossing, length = torch.linalg.cross(edges[:, one], edges[:, other]), edges[..., :2].norm(dim=2)
    corners = crossing[..., :2] / crossing[..., 2:]  # of parallel edges infinite, or no number
    beyond = corners @ edges[..., :2].mT + edges[:, None, :, 2]
    sine = crossing[..., 2].abs() / (length[:, one] * length[:, other])
    return corners, (beyond <= _SLACK).all(dim=2) & (sine > _PARALLEL)


def _area(corners: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Areas (N,) of convex polygons, by those of the corners that are real, in any order, some twice."""
    first = corners.gather(1, real.byte().argmax(dim=1)[:, None, None].expand(-1, 1, 2))
    corners = torch.where(real[..., None], corners, first)  # once more the same corner changes nothing
    corners = corners - corners.mean(dim=1, keepdim=True)
    order = torch.atan2(corners[..., 1], corners[..., 0]).argsort(dim=1)
    corners = corners.gather(1, order[..., None].expand_as(corners))
    following = corners.roll(-1, dims=1)
    return (corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0]).sum(dim=1).abs() / 2


def _squared(maps: torch.Tensor) -> torch.Tensor:
    """Maps (..., 2, 3) with the row (0, 0, 1), so that they can be multiplied."""
    last = torch.zeros_like(maps[..., :1, :])
    last[..., 2] = 1
    return torch.cat([maps, last], dim=-2)


def _determinant(maps: torch.Tensor) -> torch.Tensor:
    return maps[:, 0, 0] * maps[:, 1, 1] - maps[:, 0, 1] * maps[:, 1, 0]


def _inverse(maps: torch.Tensor) -> torch.Tensor:
    """Inverse maps (N, 3, 3); ``torch.linalg.inv`` would wait for a GPU."""
    (a, b, _), (c, d, _) = maps[:, 0].unbind(-1), maps[:, 1].unbind(-1)
    linear = torch.stack([d, -b, -c, a], dim=1).view(-1, 2, 2) / _determinant(maps)[:, None, None]
    return _squared(torch.cat([linear, -linear @ maps[:, :2, 2:]], dim=2))
