from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image

from monai_mocoi.errors import FundusError
from monai_mocoi.transforms import Disc, FundusCrop, FundusCropd, crop_to_disc, find_disc, read_image
from tests.transforms.fundus_pictures import fundus


def test_it_is_the_two_steps_of_data_prep():
    picture = fundus(240, 360, 120, 177, 110)
    cropped = FundusCrop(96)(torch.from_numpy(picture))
    assert (cropped.shape, cropped.dtype, cropped.is_contiguous()) == ((3, 96, 96), torch.float32, True)
    assert torch.equal(cropped, torch.from_numpy(crop_to_disc(picture, find_disc(picture), 96)))
    assert FundusCrop()(torch.from_numpy(picture)).shape == (3, 299, 299)


@pytest.mark.parametrize(("row", "column", "radius"), [(120, 180, 110), (100, 180, 130), (120, 180, 170)])
def test_a_cropped_picture_stays_as_it_is(row, column, radius):
    once = FundusCrop(150)(torch.from_numpy(fundus(240, 360, row, column, radius)))
    disc = find_disc(once.numpy())
    assert disc.row == pytest.approx(75, abs=1)
    assert disc.column == pytest.approx(75, abs=1)
    assert disc.radius == pytest.approx(75, abs=1)
    assert (FundusCrop(150)(once) - once).abs().mean() < 0.02


@pytest.mark.parametrize("cut", [(0, 0), (14, 14), (14, 0)])
def test_a_picture_cut_on_its_sides_and_cropped_stays_as_it_is_to_the_bit(cut):
    """The straight cuts of a camera lie within the picture once it is cropped, and are no edge of the disc."""
    above, beside = cut
    photograph = fundus(240, 240, 120, 120, 112, background=0.02)[:, above + 8 : 232 - above, beside + 8 : 232 - beside]
    once = FundusCrop(150)(torch.from_numpy(photograph))
    assert torch.equal(FundusCrop(150)(once), once)


def test_a_small_disc_within_a_square_picture_is_not_taken_for_one_that_was_cropped():
    for row, column, radius in ((100, 100, 80), (94, 100, 92), (100, 110, 89)):
        disc = find_disc(fundus(200, 200, row, column, radius))
        assert (disc.row, disc.column, disc.radius) == pytest.approx((row, column, radius), abs=1)


@pytest.mark.parametrize(("row", "column", "radius"), [(120, 180, 110), (100, 180, 130), (120, 180, 170)])
@pytest.mark.parametrize("prepared", [96, 128])
def test_training_on_prepared_photographs_and_inference_on_raw_ones_see_the_same_picture(
    row, column, radius, prepared, tmp_path
):
    """Equal but for 8 bits if prepared at the size that is decoded; a little softer from another size."""
    raw = torch.from_numpy(fundus(240, 360, row, column, radius))
    levels = (FundusCrop(prepared)(raw) * 255).round().byte()  # what data_prep writes
    Image.fromarray(levels.permute(1, 2, 0).numpy()).save(tmp_path / "prepared.png")
    seen = FundusCrop(96)(torch.from_numpy(read_image(tmp_path / "prepared.png", channels=3)))
    apart = (seen - FundusCrop(96)(raw)).abs()
    if prepared == 96:
        assert apart.max() < 0.51 / 255
    else:
        assert apart.mean() < 0.02


def test_the_same_eye_at_another_resolution_and_place_gives_the_same_picture():
    first = FundusCrop(64)(torch.from_numpy(fundus(200, 300, 100, 150, 90, noise=0)))
    second = FundusCrop(64)(torch.from_numpy(fundus(500, 500, 270, 230, 198, noise=0)))
    assert (first - second).abs().mean() < 0.015


def test_the_input_is_not_changed_and_other_forms_are_taken():
    img = torch.from_numpy(fundus(100, 100, 50, 50, 45))
    before = img.clone()
    reference = FundusCrop(40)(img)
    assert torch.equal(img, before)
    for other in (img.numpy(), MetaTensor(img)):
        cropped = FundusCrop(40)(other)
        assert type(cropped) is torch.Tensor
        assert torch.equal(cropped, reference)


def test_dictionary_form():
    data = {"image": torch.from_numpy(fundus(100, 100, 50, 50, 45)), "label": 1}
    result = FundusCropd("image", 40)(data)
    assert torch.equal(result["image"], FundusCrop(40)(data["image"]))
    assert result["label"] == 1
    with pytest.raises(KeyError):
        FundusCropd("other", 40)(data)
    assert FundusCropd("other", 40, allow_missing_keys=True)(data).keys() == data.keys()


def test_exposure():
    dark = torch.from_numpy(fundus(200, 200, 100, 100, 80, light=0.09, noise=0.002))
    with pytest.raises(FundusError, match="too dark"):
        FundusCrop(40)(dark)
    assert FundusCrop(40, check_exposure=False)(dark).shape == (3, 40, 40)
    assert FundusCropd("x", 40, check_exposure=False)({"x": dark})["x"].shape == (3, 40, 40)


@pytest.mark.parametrize("size", [0, -3, 2.0, True, None])
def test_impossible_sizes(size):
    with pytest.raises(ValueError, match="size is"):
        FundusCrop(size)


def test_impossible_pictures():
    for img in (torch.zeros(50, 50), torch.zeros(3, 50, 50, dtype=torch.uint8), torch.zeros(2, 50, 50)):
        with pytest.raises(ValueError, match=r"FundusCrop|is needed"):
            FundusCrop(8)(img)


def test_values_stay_within_0_and_1():
    picture = np.clip(fundus(100, 100, 50, 50, 45) * 1.3, 0, 1)
    for size in (17, 90, 200):
        cropped = crop_to_disc(picture, Disc(50, 50, 45), size)
        assert 0 <= cropped.min() <= cropped.max() <= 1
