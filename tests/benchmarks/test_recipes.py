"""The recipes that are drawn in Pillow are those of the bundles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.pictures import picture
from benchmarks.pillow_views import PillowViews
from benchmarks.recipes import RECIPES, steps


def test_steps_are_read_with_their_values() -> None:
    assert steps(*RECIPES["ours, grey"], image_size=112) == [
        ("RandRotation", {"degrees": 10, "prob": 0.5}),
        ("RandResizedCrop", {"size": 112, "scale": [0.4, 1.0]}),
        ("RandColorJitter", {"brightness": 0.2, "contrast": 0.2, "prob": 0.8}),
        ("RandGaussianBlur", {"sigma": [0.1, 1.0], "prob": 0.5}),
        ("Normalize", {"mean": 0.5, "std": 0.25}),
    ]
    names = [name for name, _ in steps(*RECIPES["paper, grey"], image_size=112)]
    assert names == ["RandColorJitter", "RandGrayscale", "RandGaussianBlur", "RandRotation", "Normalize"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_pillow_draws_every_recipe(recipe: str) -> None:
    channels = 3 if recipe.endswith("colour") else 1
    views = PillowViews(steps(*RECIPES[recipe], image_size=48), seed=0)
    size = 48 if recipe == "paper, grey" else 56  # as the bundle keeps them
    image = Image.fromarray(picture(size, channels, seed=0))
    drawn = [views(image) for _ in range(20)]
    assert all(view.shape == (channels, 48, 48) and view.dtype == torch.float32 for view in drawn)
    assert all(bool(view.isfinite().all()) and view.abs().max() < 4 for view in drawn)
    assert not torch.equal(drawn[0], drawn[1])


def test_a_step_that_is_not_written_in_pillow_is_named() -> None:
    with pytest.raises(LookupError, match="RandElastic: not written in Pillow"):
        PillowViews([("RandElastic", {})])


def test_pictures_have_structure_and_differ() -> None:
    one, other = picture(64, 1, 0), picture(64, 1, 1)
    assert one.shape == (64, 64)
    assert picture(64, 3, 0).shape == (64, 64, 3)
    assert one.dtype == np.uint8
    assert one.min() == 0
    assert one.max() == 255
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] < 0.9
