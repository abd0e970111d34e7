import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from monai_mocoi.transforms import (
    RandColorJitter,
    RandColorJitterd,
    RandGrayscale,
    RandGrayscaled,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    to_grayscale,
)

EIGHT_BIT = 1.5 / 255
ADJUST = {
    adjust_brightness: ImageEnhance.Brightness,
    adjust_contrast: ImageEnhance.Contrast,
    adjust_saturation: ImageEnhance.Color,
}


def picture(channels=3, rows=13, columns=17, seed=0):
    """An 8-bit picture with smooth and rough parts, black, white and grey pixels; and the same as Pillow image."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (rows, columns, channels), dtype=np.uint8)
    pixels[:4] = np.linspace(0, 255, columns, dtype=np.uint8)[None, :, None]
    pixels[4] = 0
    pixels[5] = 255
    image = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255, image


def from_pillow(image):
    pixels = np.array(image)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
@pytest.mark.parametrize("adjust", ADJUST)
def test_equals_pillow(adjust, factor, channels):
    image, pillow = picture(channels)
    ours = adjust(image[None], factor)[0]
    # Pillow's Color enhancer is the identity on a grey image as well.
    torch.testing.assert_close(ours, from_pillow(ADJUST[adjust](pillow).enhance(factor)), rtol=0, atol=EIGHT_BIT)


def test_grayscale_equals_pillow():
    image, pillow = picture()
    ours = to_grayscale(image[None])[0]
    assert torch.equal(ours[0], ours[1])
    assert torch.equal(ours[0], ours[2])
    torch.testing.assert_close(ours[:1], from_pillow(pillow.convert("L")), rtol=0, atol=EIGHT_BIT)


@pytest.mark.parametrize("shift", [-0.5, -0.1, 0.0, 0.07, 1 / 3, 0.5])
def test_hue_equals_colorsys(shift):
    image, _ = picture()
    image = image.double()
    expected = torch.empty_like(image)
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, row, column].tolist())
            turned = colorsys.hsv_to_rgb((hue + shift) % 1.0, saturation, value)
            expected[:, row, column] = torch.tensor(turned, dtype=torch.float64)
    torch.testing.assert_close(adjust_hue(image[None], shift)[0], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(adjust_hue(image.float()[None], shift)[0], expected.float(), rtol=0, atol=1e-5)


def test_hue_turns_red_to_green_and_leaves_grey():
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    torch.testing.assert_close(adjust_hue(red, 1 / 3).flatten(), torch.tensor([0.0, 1, 0]), rtol=0, atol=1e-5)
    torch.testing.assert_close(adjust_hue(red, 2.0), red, rtol=0, atol=1e-5)
    grey = torch.full((1, 3, 2, 2), 0.3)
    assert torch.equal(adjust_hue(grey, 0.2), grey)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("adjust", [*ADJUST, adjust_hue])
def test_batch_equals_one_by_one(adjust, channels, dtype):
    images = torch.rand(5, channels, 9, 11, generator=torch.Generator().manual_seed(0)).to(dtype)
    untouched = images.clone()
    values = torch.tensor([0.0, 0.4, 1.0, 1.3, 2.0], dtype=dtype)
    batch = adjust(images, values)
    singles = [adjust(images[i : i + 1], values[i : i + 1]) for i in range(5)]
    numbers = [adjust(images[i : i + 1], float(values[i])) for i in range(5)]
    assert torch.equal(batch, torch.cat(singles))
    assert torch.equal(batch, torch.cat(numbers))
    assert batch.dtype == dtype
    assert batch.min() >= 0
    assert batch.max() <= 1
    assert torch.equal(images, untouched)
    assert adjust(images[:0], values[:0]).shape == (0, channels, 9, 11)
    assert adjust(images[:, :, :1, :1], values).shape == (5, channels, 1, 1)


@pytest.mark.parametrize("colour_only", [adjust_saturation, adjust_hue, lambda images, _: to_grayscale(images)])
def test_one_channel_has_no_colour(colour_only):
    images = torch.rand(2, 1, 4, 4)
    assert torch.equal(colour_only(images, torch.tensor([0.1, 0.3])), images)


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_are_refused(channels):
    with pytest.raises(ValueError, match=f"got {channels}"):
        adjust_saturation(torch.rand(1, channels, 4, 4), 0.5)


def test_jitter_stays_in_its_bounds_and_reaches_them():
    jitter = RandColorJitter(brightness=0.4, contrast=1.5, saturation=0.2, hue=0.1, prob=1.0).set_random_state(seed=0)
    draws, orders = [], set()
    for _ in range(2000):
        jitter.randomize()
        draws.append(jitter._amounts)
        orders.add(tuple(jitter._order))
    low, high = np.min(draws, axis=0), np.max(draws, axis=0)
    lower, upper = np.array([0.6, 0.0, 0.8, -0.1]), np.array([1.4, 2.5, 1.2, 0.1])
    assert (low >= lower).all()
    assert (high <= upper).all()
    np.testing.assert_allclose(low, lower, atol=0.01)
    np.testing.assert_allclose(high, upper, atol=0.01)
    np.testing.assert_allclose(np.mean(draws, axis=0), (lower + upper) / 2, atol=0.06)
    assert len(orders) == 24
    # The four amounts are drawn apart from each other.
    correlation = np.corrcoef(np.array(draws).T)
    assert np.abs(correlation[~np.eye(4, dtype=bool)]).max() < 0.1


def test_jitter_applies_its_parts_in_the_drawn_order():
    image, _ = picture()
    jitter = RandColorJitter(0.4, 0.4, 0.4, 0.1, prob=1.0).set_random_state(seed=3)
    result = jitter(image)
    expected = image[None]
    for part in jitter._order:
        function = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)[part]
        expected = function(expected, float(jitter._amounts[part]))
    assert torch.equal(result, expected[0])
    assert torch.equal(jitter(image, randomize=False), result)


@pytest.mark.parametrize("make", [lambda p: RandColorJitter(0.4, 0.4, 0.4, 0.1, prob=p), RandGrayscale])
def test_probability(make):
    image, _ = picture()
    never, always, half = make(0.0), make(1.0), make(0.5).set_random_state(seed=0)
    assert all(torch.equal(never(image), image) for _ in range(20))
    assert not any(torch.equal(always(image), image) for _ in range(20))
    assert 60 < sum(torch.equal(half(image), image) for _ in range(200)) < 140


def test_switched_off_parts_change_nothing():
    image, _ = picture()
    assert torch.equal(RandColorJitter(prob=1.0)(image), image)


def test_one_channel_jitter_is_brightness_and_contrast():
    image, _ = picture(channels=1)
    assert torch.equal(RandColorJitter(saturation=0.9, hue=0.5, prob=1.0)(image), image)
    assert not torch.equal(RandColorJitter(brightness=0.9, prob=1.0).set_random_state(seed=0)(image), image)
    assert not torch.equal(RandColorJitter(contrast=0.9, prob=1.0).set_random_state(seed=0)(image), image)
    assert torch.equal(RandGrayscale(prob=1.0)(image), image)


@pytest.mark.parametrize("make", [lambda: RandColorJitter(0.4, 0.4, 0.4, 0.1, prob=0.8), lambda: RandGrayscale(0.3)])
def test_as_many_numbers_are_drawn_for_one_channel_as_for_three(make):
    grey, colour = make().set_random_state(seed=5), make().set_random_state(seed=5)
    for _ in range(10):
        grey(torch.rand(1, 4, 4))
        colour(torch.rand(3, 4, 4))
    assert grey.R.random_sample() == colour.R.random_sample()


@pytest.mark.parametrize(
    "arguments",
    [{"brightness": -0.1}, {"contrast": float("nan")}, {"saturation": float("inf")}, {"hue": 0.6}, {"prob": 1.1}],
)
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        RandColorJitter(**arguments)


@pytest.mark.parametrize(
    ("array", "dictionary"),
    [
        (RandColorJitter(0.4, 0.4, 0.4, 0.1, prob=0.7), RandColorJitterd(["a", "b"], 0.4, 0.4, 0.4, 0.1, prob=0.7)),
        (RandGrayscale(0.5), RandGrayscaled(["a", "b"], 0.5)),
    ],
)
def test_dict_form_is_the_array_form_with_one_draw_for_all_keys(array, dictionary):
    image, _ = picture()
    array.set_random_state(seed=9)
    dictionary.set_random_state(seed=9)
    for _ in range(10):
        data = dictionary({"a": image, "b": image, "other": 3})
        assert torch.equal(data["a"], array(image))
        assert torch.equal(data["a"], data["b"])
        assert data["other"] == 3
