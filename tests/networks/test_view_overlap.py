"""The overlap of two views against a picture that is looked at point by point."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.transforms import Compose, RandFlip, RandRotate90

from monai_mocoi.networks.view_overlap import view_overlap
from monai_mocoi.transforms import RandResizedCrop, RandRotation, TwoViews

CHAINS = {
    "one picture": [RandRotation(90, 0.8), RandResizedCrop(20, (0.1, 0.9)), RandFlip(0.5), RandRotate90(0.5)],
    "two pictures": [RandResizedCrop(20, scale=(0.2, 0.9)), RandRotation(60, prob=1.0)],
    "turned about the middle": [RandRotation(180, prob=1.0)],
}


def drawn_maps(chain: str, count: int) -> torch.Tensor:
    pair = TwoViews(Compose(CHAINS[chain]))
    drawn = np.stack([pair.draw(seed, (1, 30, 30)) for seed in range(count)], axis=1)
    return torch.from_numpy(pair.maps(drawn, (1, 30, 30)))


def seen(maps: np.ndarray, points: np.ndarray, slack: float = 0.0) -> np.ndarray:
    """Whether points (..., 2) of the image are shown by a view with these maps (pictures, 2, 3)."""
    to_image = maps[-1]
    in_view = np.linalg.solve(to_image[:, :2], (points - to_image[:, 2])[..., None])[..., 0]
    frames = [points, in_view, *(in_view @ each[:, :2].T + each[:, 2] for each in maps[:-1])]
    return np.all([np.abs(frame).max(axis=-1) <= 1 + slack for frame in frames], axis=0)


@pytest.mark.parametrize("chain", CHAINS)
def test_it_is_what_both_show_when_one_looks_at_every_point(chain: str) -> None:
    maps = drawn_maps(chain, 20)
    overlap = view_overlap(*maps)
    query, key = maps.double().numpy()
    steps = (np.arange(400) + 0.5) / 200 - 1
    everywhere = np.stack(np.meshgrid(steps, steps), axis=-1)
    for number in range(20):
        both = seen(query[number], everywhere) & seen(key[number], everywhere)
        if not both.any():
            assert float(overlap.share[number]) < 1e-3
            continue
        larger = max(4 * abs(np.linalg.det(m[number, -1, :, :2])) for m in (query, key))
        assert float(overlap.share[number]) == pytest.approx(both.sum() / 200**2 / larger, abs=0.01)
        to_image = query[number, -1]
        corners = overlap.query[number].numpy() @ np.array([[-1, 1], [-1, 1], [1, 1]])  # of the grid, in the view
        low, high = np.sort((to_image[:, :2] @ corners).T + to_image[:, 2], axis=0)
        found = everywhere[both]
        np.testing.assert_allclose((low, high), (found.min(axis=0), found.max(axis=0)), atol=0.012)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (5, 3)])
def test_the_grids_points_are_the_same_tissue_and_those_that_count_are_seen_by_both(
    chain: str, size: tuple[int, int]
) -> None:
    maps = drawn_maps(chain, 20)
    overlap = view_overlap(*maps)
    shown = overlap.shown(*size)
    assert shown.shape == (20, *size)
    x, y = (np.linspace(-1, 1, count) if count > 1 else np.zeros(1) for count in size[::-1])
    grid = np.stack([*np.meshgrid(x, y), np.ones(size)])
    for number in range(20):
        places = []
        for to_view, to_image in ((overlap.query, maps[0, :, -1]), (overlap.key, maps[1, :, -1])):
            in_view = np.einsum("ij,jhw->hwi", to_view[number].numpy(), grid)
            own = to_image[number].double().numpy()
            places.append(in_view @ own[:, :2].T + own[:, 2])
        np.testing.assert_allclose(*places, atol=1e-6)
        both = np.all([seen(own[number].double().numpy(), places[0], 2e-4) for own in maps], axis=0)
        assert shown[number].tolist() == both.tolist()
    assert 0.25 < shown.double().mean() <= 1


def box(left: float, top: float, right: float, bottom: float) -> torch.Tensor:
    """The maps (1, 1, 2, 3) of a crop, in coordinates from -1 to 1."""
    linear = torch.tensor([[(right - left) / 2, 0.0], [0.0, (bottom - top) / 2]])
    centre = torch.tensor([[(left + right) / 2], [(top + bottom) / 2]])
    return torch.cat([linear, centre], dim=1)[None, None]


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ((-1, -1, 1, 1), (-1, -1, 1, 1), 1.0),  # the whole image twice
        ((-0.5, -0.2, 0.1, 0.3), (-0.5, -0.2, 0.1, 0.3), 1.0),
        ((-1, -1, 0, 1), (-0.5, -1, 1, 1), 0.5 / 1.5),
        ((-1, -1, 1, 1), (0, 0, 0.5, 0.5), 0.25 / 4),  # of the larger one
        ((-1, -1, 0, 0), (-0.1, -0.1, 0.9, 0.9), 0.01),
        ((-1, -1, 0, 0), (0.5, 0.5, 1, 1), 0.0),  # nothing in common
        ((-1, -1, 0, 0), (0, 0, 1, 1), 0.0),  # a corner
        ((-1, -1, 0, 1), (0, -1, 1, 1), 0.0),  # an edge
    ],
)
def test_crops(one: tuple[float, ...], other: tuple[float, ...], share: float) -> None:
    overlap = view_overlap(box(*one), box(*other))
    assert float(overlap.share) == pytest.approx(share, abs=1e-6)
    assert overlap.shown(3, 3).all() == overlap.shown(3, 3).any() == (share > 0)
    assert all(part.isfinite().all() for part in overlap)
    assert all(part.dtype == torch.float64 for part in overlap)


def test_half_precision_elsewhere_changes_nothing() -> None:
    maps = drawn_maps("one picture", 6)
    expected = view_overlap(*maps)
    with torch.autocast("cpu", torch.bfloat16):
        found = view_overlap(*maps)
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
