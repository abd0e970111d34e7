from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_mocoi.errors import ConstantImageError
from monai_mocoi.transforms import RescaleIntensity, RescaleIntensityd


def picture(shape=(3, 20, 30), low=0.01, high=0.07, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32))


def test_declared_changes_nothing():
    image = picture()
    assert torch.equal(RescaleIntensity()(image), image)
    assert RescaleIntensity().mode == "declared"


def test_picture_takes_its_least_and_greatest_value_of_all_channels_together():
    image = picture()
    image[1] /= 2
    flat = image.flatten().tolist()
    expected = [(v - min(flat)) / (max(flat) - min(flat)) for v in flat]
    found = RescaleIntensity("picture")(image)
    np.testing.assert_allclose(found.flatten(), expected, rtol=0, atol=1e-6)
    assert (found.min(), found.max()) == (0, 1)
    # What was half as bright in a channel keeps its proportion: the colour stays.
    np.testing.assert_allclose(RescaleIntensity("picture")(found), found, rtol=0, atol=1e-7)


@pytest.mark.parametrize("mode", ["picture", "percentiles"])
def test_large_pictures_and_those_that_are_not_in_order_in_memory_are_rescaled_alike(mode):
    image = picture((3, 300, 301))
    low, high = image.min(), image.max()
    if mode == "percentiles":
        low, high = np.percentile(image.numpy(), (0.5, 99.5))
    expected = ((image - float(low)) / (float(high) - float(low))).clamp(0, 1)
    assert torch.equal(RescaleIntensity(mode)(image), expected)
    turned = image.mT.contiguous().mT
    assert not turned.is_contiguous()
    assert torch.equal(RescaleIntensity(mode)(turned), expected)


def test_percentiles_are_not_decided_by_a_few_pixels():
    image = picture((1, 100, 100))
    image[0, 0, :20] = 1.0  # a letter: 0.2 % of the pixels
    order = sorted(image.flatten().tolist())

    def percentile(p):  # linear between the neighbours
        place = p / 100 * (len(order) - 1)
        below = int(place)
        return order[below] + (place - below) * (order[below + 1] - order[below])

    low, high = percentile(0.5), percentile(99.5)
    expected = [min(1, max(0, (v - low) / (high - low))) for v in image.flatten().tolist()]
    np.testing.assert_allclose(RescaleIntensity("percentiles")(image).flatten(), expected, rtol=0, atol=1e-5)


def test_percentiles_that_are_one_value_leave_the_least_and_the_greatest():
    image = torch.zeros(1, 100, 100)
    image[0, 0, :10] = torch.arange(1, 11) / 40
    assert torch.equal(RescaleIntensity("percentiles")(image), RescaleIntensity("picture")(image))


@pytest.mark.parametrize("mode", ["picture", "percentiles"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_type_stay(mode, dtype):
    image = MetaTensor(picture().to(dtype))
    found = RescaleIntensity(mode)(image)
    assert type(found) is torch.Tensor
    assert (found.shape, found.dtype) == (image.shape, dtype)


@pytest.mark.parametrize("mode", ["picture", "percentiles"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 5)])
def test_a_constant_picture_is_a_bad_image(mode, shape):
    with pytest.raises(ConstantImageError, match="shows nothing"):
        RescaleIntensity(mode)(torch.full(shape, 0.25))


def test_what_cannot_be_rescaled():
    with pytest.raises(ValueError, match="choose one of declared, picture, percentiles"):
        RescaleIntensity("auto")
    with pytest.raises(ValueError, match="uint8; floating-point values"):
        RescaleIntensity("picture")(torch.zeros(1, 2, 2, dtype=torch.uint8))


def test_the_dictionary_form_is_the_same():
    image = picture()
    found = RescaleIntensityd("image", "picture")({"image": image, "index": 3})
    assert torch.equal(found["image"], RescaleIntensity("picture")(image))
    assert found["index"] == 3
    with pytest.raises(KeyError):
        RescaleIntensityd("other", "picture")({"image": image})
