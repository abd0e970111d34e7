"""Views of a batch against the transforms one after the other, and against the sampling written out pixel by pixel."""

import json
import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose, OneOf, RandFlip, RandGaussianNoise, RandRotate90

from monai_mocoi.transforms import (
    Normalize,
    RandColorJitter,
    RandGaussianBlur,
    RandGrayscale,
    RandResizedCrop,
    RandRotation,
    RandStainJitter,
    TwoViews,
    gaussian_blur,
)
from monai_mocoi.transforms.rounding import dequantise
from monai_mocoi.transforms.view_plan import ViewPlan
from tests.bundles.conftest import BUNDLES


def pictures(count: int, channels: int, rows: int, columns: int, bits: int = 8) -> torch.Tensor:
    """Smooth pictures with some noise, as the cache keeps them."""
    generator = np.random.RandomState(0)
    coarse = torch.from_numpy(generator.rand(count, channels, rows // 6 + 2, columns // 6 + 2))
    smooth = torch.nn.functional.interpolate(coarse, (rows, columns), mode="bicubic").clamp(0, 1).numpy()
    values = np.clip(smooth + 0.05 * generator.rand(*smooth.shape), 0, 1)
    return torch.from_numpy(np.rint(values * (2**bits - 1)).astype({8: np.uint8, 16: np.uint16}[bits]))


def one_after_the_other(transform: Compose, levels: torch.Tensor, seed: int) -> list[torch.Tensor]:
    """Two views of one picture by calling every step in its turn."""
    views = TwoViews(transform)
    views.plan = None
    return list(views.set_random_state(seed=seed)(dequantise(levels.numpy())))


def at_once(transform: Compose, levels: torch.Tensor, seeds: list[int]) -> torch.Tensor:
    """Two views of each picture, (2, N, C, rows, columns)."""
    views = TwoViews(transform)
    drawn = np.stack([views.draw(seed, tuple(levels.shape[1:])) for seed in seeds], axis=1)
    return torch.stack(views.of_batch(levels, drawn))


def shipped(bundle: str, config: str, size: int) -> Compose:
    """The transform of a view in a bundle, at a size; "whole": of train.json without a random crop."""
    configs = BUNDLES / bundle / "configs"
    found = json.loads((configs / "train.json").read_text())
    if config == "paper":
        found |= json.loads((configs / "paper.json").read_text())
    area = None if config == "whole" else [0.4, 1.0]
    values = {"image_size": size, "crop_area": area, "mean": found["mean"], "std": found["std"]}
    transform: Compose = ConfigParser({**values, "t": found["views"]["transform"]}).get_parsed_content("t")
    return transform


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("config", ["train", "whole", "paper"])
@pytest.mark.parametrize("bundle", ["nih_mse", "bch_mse", "dr_mse"])
def test_a_batch_of_a_shipped_recipe_is_the_steps_one_after_the_other(bundle: str, config: str, bits: int) -> None:
    size = 40
    transform = shipped(bundle, config, size)
    decoded = size if config == "paper" else size * 8 // 7
    levels = pictures(16, 1 if bundle.startswith("nih") else 3, decoded, decoded, bits)
    found = at_once(transform, levels, list(range(16)))
    compared = 0
    for number, seed in product(range(16), range(2)):
        expected = one_after_the_other(transform, levels[number], number)[seed]
        turned_and_cropped = _turned_and_cropped(transform, number, seed, levels.shape[1:])
        if not turned_and_cropped:
            compared += 1
            std = np.asarray(json.loads((BUNDLES / bundle / "configs" / "train.json").read_text())["std"])
            torch.testing.assert_close(found[seed, number], expected, atol=1e-5 / float(std.min()), rtol=0)
    assert compared >= 8


@pytest.mark.parametrize("bundle", ["nih_mse", "bch_mse", "dr_mse"])
@pytest.mark.parametrize("count", [1, 16])
def test_views_are_made_in_single_precision_under_autocast_too(bundle: str, count: int) -> None:
    transform, channels = shipped(bundle, "train", 32), 1 if bundle.startswith("nih") else 3
    for start in range(0, 48, count):
        levels = pictures(count, channels, 37, 37)
        seeds = list(range(start, start + count))
        expected = at_once(transform, levels, seeds)
        with torch.autocast("cpu", torch.bfloat16):
            found = at_once(transform, levels, seeds)
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)


def _turned_and_cropped(transform: Compose, seed: int, view: int, shape: Any) -> bool:
    """Whether two interpolations, one after the other, have become one: then the pixels are others."""
    kinds = [type(step) for step in transform.transforms]
    if RandRotation not in kinds or RandResizedCrop not in kinds:
        return False
    return bool(TwoViews(transform).draw(seed, tuple(shape))[view][kinds.index(RandRotation)])


def sampled(image: np.ndarray, box: tuple[int, ...], degrees: float, mirrored: bool, size: int) -> np.ndarray:
    """A crop of a rotated picture, perhaps mirrored, each pixel from its four neighbours, black outside."""
    channels, rows, columns = image.shape
    result = np.zeros((channels, size, size))
    left, top, right, bottom = box
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for i, j in product(range(size), range(size)):
        across = size - 1 - j if mirrored else j
        x = left + (across + 0.5) * (right - left) / size - columns / 2
        y = top + (i + 0.5) * (bottom - top) / size - rows / 2
        u, v = columns / 2 + cosine * x - sine * y - 0.5, rows / 2 + sine * x + cosine * y - 0.5
        for a, b in product(range(2), range(2)):
            p, q = math.floor(v) + a, math.floor(u) + b
            if 0 <= p < rows and 0 <= q < columns:
                result[:, i, j] += (1 - abs(v - p)) * (1 - abs(u - q)) * image[:, p, q]
    return result


@pytest.mark.parametrize("mirrored", [False, True])
def test_rotation_crop_and_flip_are_one_interpolation(mirrored: bool) -> None:
    transform = Compose(
        [RandRotation(40, prob=1.0), RandResizedCrop(24, scale=(0.1, 0.2)), RandFlip(float(mirrored), spatial_axis=1)]
    )
    levels = pictures(4, 3, 40, 50)
    found = at_once(transform, levels, [1, 2, 3, 4])
    for number in range(4):
        degrees, *box = TwoViews(transform).draw(number + 1, (3, 40, 50))[0][:5]
        image = dequantise(levels[number].numpy()).double().numpy()
        expected = sampled(image, tuple(box), degrees, mirrored, 24)
        np.testing.assert_allclose(found[0, number].numpy(), expected, atol=1e-5)


def test_a_turned_view_that_shrinks_does_not_alias() -> None:
    stripes = torch.zeros(1, 1, 120, 120, dtype=torch.uint8)
    stripes[..., ::2] = 255  # as fine as can be
    transform = Compose([RandRotation((4, 6), prob=1.0), RandResizedCrop(30, scale=(1.0, 1.0), ratio=(1.0, 1.0))])
    view = at_once(transform, stripes, [0])[0, 0, 0, 6:-6, 6:-6]
    assert float((view - 0.5).abs().max()) < 0.02
    one_pixel_in_four = torch.nn.functional.grid_sample(
        stripes.float() / 255,
        torch.nn.functional.affine_grid(
            torch.tensor([[[0.996, -0.087, 0.0], [0.087, 0.996, 0.0]]]), [1, 1, 30, 30], align_corners=False
        ),
        align_corners=False,
    )
    assert float((one_pixel_in_four - 0.5).abs().max()) > 0.3  # the test can fail


def test_a_shrinking_turned_view_is_blurred_as_the_triangle_of_a_crop_is_wide() -> None:
    levels = pictures(1, 1, 80, 60)
    transform = Compose(
        [RandRotation((90, 90), prob=1.0), RandResizedCrop((20, 20), scale=(1.0, 1.0), ratio=(0.75, 0.75))]
    )
    found = at_once(transform, levels, [0])[0, 0]
    image = dequantise(levels[0].numpy())
    blurred = gaussian_blur(image[None], math.sqrt((3**2 - 1) / 6))  # along x; y is shrunk by 4
    assert float((found - blurred.mean()).abs().mean()) < 0.3
    assert found.shape == (1, 20, 20)


STEPS = [
    RandResizedCrop(20, scale=(0.3, 1.0)),
    RandFlip(0.5, spatial_axis=0),
    RandFlip(0.5, spatial_axis=1),
    RandFlip(0.5),
    RandRotate90(0.75, max_k=3),
]


@pytest.mark.parametrize("order", [(0, 1, 4), (4, 0, 2), (1, 2, 4, 0), (4, 2, 4), (3, 0, 4)])
def test_mirroring_quarter_turns_and_crop_in_any_order(order: tuple[int, ...]) -> None:
    transform = Compose([STEPS[number] for number in order])
    levels = pictures(24, 1, 30, 30)
    found = at_once(transform, levels, list(range(24)))
    for number in range(24):
        for view, expected in enumerate(one_after_the_other(transform, levels[number], number)):
            torch.testing.assert_close(found[view, number], expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("size", [24, 300])
def test_a_view_does_not_depend_on_the_others_of_the_batch(size: int) -> None:
    transform = Compose(
        [
            RandRotation(30, prob=0.5),
            RandResizedCrop(size, scale=(0.4, 1.0)),
            RandStainJitter(0.05, prob=0.5),
            RandColorJitter(0.4, 0.4, 0.4, 0.1, prob=0.8),
            RandGrayscale(0.2),
            RandGaussianBlur((0.1, 3.0), prob=0.5),
            Normalize(0.5, 0.25),
        ]
    )
    levels = pictures(7, 3, size * 8 // 7, size * 8 // 7)
    together = at_once(transform, levels, list(range(7)))
    for number in range(7):
        alone = at_once(transform, levels[number : number + 1], [number])
        assert torch.equal(alone[:, 0], together[:, number])
    halves = [at_once(transform, levels[:4], [0, 1, 2, 3]), at_once(transform, levels[4:], [4, 5, 6])]
    assert torch.equal(torch.cat(halves, dim=1), together)


def test_a_rotation_after_a_crop_is_a_resampling_of_its_own() -> None:
    transform = Compose([RandResizedCrop(24, scale=(0.3, 0.5)), RandRotation(40, prob=1.0)])
    levels = pictures(3, 1, 40, 40)
    found = at_once(transform, levels, [0, 1, 2])
    for number in range(3):
        for view, expected in enumerate(one_after_the_other(transform, levels[number], number)):
            torch.testing.assert_close(found[view, number], expected, atol=1e-5, rtol=0)


def test_a_transform_with_an_unknown_step_is_called_image_by_image() -> None:
    class Own(RandFlip):
        pass

    for unknown in (RandGaussianNoise(prob=1.0), Own(prob=1.0), RandRotate90(prob=1.0, spatial_axes=(1, 0)), abs):
        transform = Compose([RandRotation(10, prob=1.0), unknown])
        assert ViewPlan.of(transform) is None
        first, second = TwoViews(transform).set_random_state(seed=0)(torch.rand(1, 12, 12))
        assert not torch.equal(first, second)
    assert ViewPlan.of(Compose([Compose([RandRotation(10)]), Normalize(0.5, 0.5)])) is not None


def test_one_of_several_steps_is_not_all_of_them() -> None:
    either = OneOf([RandGrayscale(1.0), RandStainJitter(0.5, prob=1.0)])
    image = dequantise(pictures(1, 3, 12, 12)[0].numpy())
    views = [view for seed in range(20) for view in TwoViews(either).set_random_state(seed)(image)]
    grey = [torch.equal(view[0], view[1]) for view in views]
    assert 5 < sum(grey) < 35


def test_a_subclass_keeps_what_it_does() -> None:
    class Darker(RandGaussianBlur):
        def apply(self, images: torch.Tensor) -> torch.Tensor:
            return super().apply(images) / 2

    class Corner(RandResizedCrop):
        def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
            return images[..., :4, :4]

    image = torch.rand(1, 12, 12)
    darker, _ = TwoViews(Darker(prob=1.0)).set_random_state(seed=0)(image)
    assert float(darker.max()) <= 0.5
    corner, _ = TwoViews(Compose([Corner(8)])).set_random_state(seed=0)(image)
    torch.testing.assert_close(corner, image[..., :4, :4])


def test_draws_are_a_function_of_the_seed_also_where_two_share_a_step() -> None:
    crop = RandResizedCrop(8)
    first, other = TwoViews(crop), TwoViews(Compose([crop, RandGrayscale(0.5)]))
    drawn = first.draw(1, (1, 20, 20))
    other.draw(2, (1, 20, 20))
    crop.set_random_state(seed=7)
    np.testing.assert_array_equal(first.draw(1, (1, 20, 20)), drawn)


def test_making_views_draws_nothing() -> None:
    views = TwoViews(Compose([RandResizedCrop(8), RandColorJitter(0.4, prob=0.8)])).set_random_state(seed=0)
    image = torch.rand(1, 20, 20)
    expected = [np.array([views.plan.draw((1, 20, 20)) for _ in range(2)]) for _ in range(2)][1]
    views.set_random_state(seed=0)
    views(image)
    np.testing.assert_array_equal([views.plan.draw((1, 20, 20)) for _ in range(2)], expected)


@pytest.mark.parametrize("size", [64, 300, 512])
def test_a_grey_view_depends_neither_on_threads_nor_on_the_others(size: int) -> None:
    transform = Compose([RandResizedCrop(size, scale=(0.4, 1.0)), RandColorJitter(0.4, 0.4, prob=1.0)])
    levels = pictures(3, 1, size, size)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(at_once(transform, levels, [0, 1, 2]))
            found.append(torch.cat([at_once(transform, levels[n : n + 1], [n]) for n in range(3)], dim=1))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(views, found[0]) for views in found)


def test_quarter_turns_of_pictures_that_are_not_square_are_refused() -> None:
    with pytest.raises(ValueError, match="30 x 40"):
        TwoViews(RandRotate90(prob=1.0))(torch.rand(1, 30, 40))
