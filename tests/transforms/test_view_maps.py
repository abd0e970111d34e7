"""Where views lie in their images: a picture of its own coordinates says it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Compose, RandFlip, RandGaussianNoise, RandRotate90

from monai_mocoi.errors import UsageError
from monai_mocoi.transforms import Normalize, RandColorJitter, RandResizedCrop, RandRotation, TwoViews, TwoViewsd

ROTATION, TURNS = RandRotation(50, prob=0.8), RandRotate90(0.75, max_k=3)
CROP = RandResizedCrop((62, 84), scale=(0.4, 0.9))  # enlarged, so that a plane stays one
SQUARE = RandResizedCrop(64, scale=(0.3, 0.9))
MIRRORED, OVERHEAD = RandFlip(0.5, spatial_axis=1), RandFlip(0.5, spatial_axis=0)
CHAINS = {
    "crop": [CROP],
    "flips": [MIRRORED, OVERHEAD, RandFlip(0.5)],
    "quarter turns": [SQUARE, TURNS],
    "rotation": [ROTATION],
    "rotation, crop and flip": [ROTATION, CROP, MIRRORED],
    "crop, flip and quarter turns": [MIRRORED, SQUARE, TURNS, OVERHEAD],
    "rotation after a crop": [CROP, MIRRORED, ROTATION],
    "three resamplings": [ROTATION, SQUARE, RandRotation((20, 60), prob=1.0), MIRRORED, RandRotation(90), TURNS],
}


def coordinates(rows: int, columns: int) -> torch.Tensor:
    """A picture whose two channels are x and y, from 0 to 1 between its edges."""
    x, y = (torch.arange(columns) + 0.5) / columns, (torch.arange(rows) + 0.5) / rows
    return torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)])


@pytest.mark.parametrize("chain", CHAINS)
def test_a_view_of_coordinates_shows_where_it_lies(chain: str) -> None:
    rows, columns = (60, 60) if "turns" in chain or "three" in chain else (60, 80)
    pair, samples = TwoViews(Compose([*CHAINS[chain]])), 24
    image = coordinates(rows, columns)
    drawn = np.stack([pair.draw(seed, tuple(image.shape)) for seed in range(samples)], axis=1)
    views = torch.stack(pair.of_batch(image.expand(samples, -1, -1, -1), drawn)).double().numpy()
    maps = pair.maps(drawn, tuple(image.shape))
    pictures = {"rotation after a crop": 2, "three resamplings": 3}.get(chain, 1)
    assert maps.shape == (2, samples, pictures, 2, 3)
    assert maps.dtype == np.float32
    height, width = views.shape[-2:]
    x, y = np.meshgrid((np.arange(width) + 0.5) / width * 2 - 1, (np.arange(height) + 0.5) / height * 2 - 1)
    places = np.einsum("vnpij,jhw->vnphwi", maps, np.stack([x, y, np.ones_like(x)]))
    depth = np.abs(places).max(axis=-1)  # 1 at the edge of a picture
    inside, outside = (depth < 0.85).all(axis=2), (depth > 1.15).any(axis=2)
    shown = np.moveaxis(views, 2, -1) * 2 - 1
    assert inside.mean() > 0.3
    np.testing.assert_allclose(shown[inside], places[:, :, -1][inside], atol=2e-5)
    assert (np.moveaxis(views, 2, -1)[outside] == 0).all()  # black
    assert outside.any() == ("rotation" in chain or "three" in chain)


def test_a_transform_that_moves_nothing_has_one_map_that_moves_nothing() -> None:
    pair = TwoViews(Compose([RandColorJitter(0.4, prob=1.0), Normalize(0.5, 0.25)]))
    drawn = np.stack([pair.draw(seed, (1, 8, 8)) for seed in range(3)], axis=1)
    expected = np.tile(np.eye(2, 3), (2, 3, 1, 1, 1))
    np.testing.assert_array_equal(pair.maps(drawn, (1, 8, 8)), expected)


@pytest.mark.parametrize("keep", [False, True])
def test_the_dict_form_tells_it_of_one_image_and_draws_nothing_more(keep: bool) -> None:
    steps: Any = Compose([ROTATION, SQUARE, MIRRORED, RandColorJitter(0.4, prob=0.8)])
    image = {"image": torch.rand(1, 40, 40), "index": 3}
    plain = TwoViewsd("image", steps, keep=keep).set_random_state(seed=5)
    own = copy.deepcopy(steps)
    telling = TwoViewsd("image", own, ("a", "b"), keep=keep, geometry=True).set_random_state(seed=5)
    for _ in range(3):
        expected, found = plain(image), telling(image)
        assert set(expected) == {"view1", "view2", "index"} | ({"image"} if keep else set())
        assert set(found) - set(image) == {"a", "b", "a_geometry", "b_geometry"}
        assert torch.equal(found["a"], expected["view1"])
        assert torch.equal(found["b"], expected["view2"])
    drawn = telling.views.draw(9, (1, 40, 40))[:, None]
    alone = telling.set_random_state(seed=9)(image)
    maps = torch.from_numpy(telling.views.maps(drawn, (1, 40, 40)))
    assert torch.equal(torch.stack([alone["a_geometry"], alone["b_geometry"]]), maps[:, 0])


def test_a13_a_step_that_may_move_anything_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match=r"RandGaussianNoise moves .* is not known.*stage_pooling other than aligned"):
        TwoViewsd("image", Compose([SQUARE, Compose([RandGaussianNoise(prob=1.0)])]), geometry=True)
    with pytest.raises(UsageError, match="where abs moves"):
        TwoViewsd("image", Compose([SQUARE, abs]), geometry=True)
