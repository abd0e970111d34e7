from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image
from torch.nn import functional

from monai_mocoi.errors import FundusError
from monai_mocoi.transforms import FitSquare, FitSquared, FundusCrop, fit_square
from tests.transforms.fundus_pictures import fundus

SHAPES = [(64, 64), (64, 100), (100, 64), (17, 33), (33, 16), (5, 200), (1, 7), (1, 1)]
SIZES = [1, 15, 16, 17, 64, 90]


def picture(rows, columns, channels=3):
    values = np.random.default_rng(rows * 1000 + columns).random((channels, rows, columns), dtype=np.float32)
    return torch.from_numpy(values)


def with_pillow(img, size, mode):
    """The same by Pillow, a channel at a time in floating point."""
    _, rows, columns = img.shape
    if mode == "stretch":
        scale_rows = scale_columns = size
    else:
        side = min(rows, columns) if mode == "crop" else max(rows, columns)
        scale_rows, scale_columns = (max(1, int(np.floor(s * size / side + 0.5))) for s in (rows, columns))
    out = []
    for channel in img.numpy():
        scaled = Image.fromarray(channel, "F").resize((scale_columns, scale_rows), Image.Resampling.BILINEAR)
        left, top = (scale_columns - size) // 2, (scale_rows - size) // 2
        if mode == "pad":
            square = Image.new("F", (size, size), 0.0)
            square.paste(scaled, ((size - scale_columns) // 2, (size - scale_rows) // 2))
        else:
            square = scaled.crop((left, top, left + size, top + size))
        out.append(np.asarray(square))
    return np.stack(out)


@pytest.mark.parametrize("mode", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", SIZES)
def test_equal_to_pillow(mode, shape, size):
    img = picture(*shape)
    pillow = with_pillow(img, size, mode)
    fitted = FitSquare(size, mode)(img)
    assert fitted.shape == (3, size, size)
    assert fitted.is_contiguous()
    # torch keeps a float32 picture's coordinates in float32: an error that grows with the side; none in float64.
    np.testing.assert_allclose(fitted.numpy(), pillow, rtol=0, atol=1e-7 + 2 * max(shape) * 2**-24)
    np.testing.assert_allclose(FitSquare(size, mode)(img.double()).numpy(), pillow, rtol=0, atol=1e-7)


def test_close_to_pillow_in_8_bits():
    values = np.random.default_rng(0).integers(0, 256, (120, 90), dtype=np.uint8)
    ours = FitSquare(48, "stretch")(torch.from_numpy(values[np.newaxis] / np.float32(255)))
    pillow = np.asarray(Image.fromarray(values).resize((48, 48), Image.Resampling.BILINEAR))
    # Pillow rounds to whole grey values twice, once a direction.
    np.testing.assert_allclose(ours[0].numpy() * 255, pillow, rtol=0, atol=1.05)


@pytest.mark.parametrize("mode", ["crop", "pad", "stretch"])
def test_a_picture_of_the_size_is_returned_bit_for_bit(mode):
    img = picture(16, 16, 1)
    assert torch.equal(FitSquare(16, mode)(img), img)


@pytest.mark.parametrize(("rows", "columns", "top", "left"), [(50, 50, 0, 0), (60, 50, 26, 0), (300, 420, 0, 51)])
def test_trim_is_one_pixel_more_and_the_middle_of_it(rows, columns, top, left):
    """The paper's histopathology patches: to 256, then the middle 255."""
    img = picture(rows, columns)
    scaled = tuple(round(256 * side / min(rows, columns)) for side in (rows, columns))
    larger = functional.interpolate(img[None], scaled, mode="bilinear", antialias=True)[0].clamp(0, 1)
    assert torch.equal(FitSquare(255, "trim")(img), larger[:, top : top + 255, left : left + 255])


@pytest.mark.parametrize("shape", [(3, 400), (400, 3)])
@pytest.mark.parametrize("mode", ["crop", "trim"])
def test_of_a_strip_only_the_middle_is_scaled(mode, shape, monkeypatch):
    """As a whole, 3 x 60,000 pixels at 256 rows would be five million columns."""
    img, inner, scaled = picture(*shape), functional.interpolate, []

    def noted(images, size, **options):
        scaled.append(max(size))
        return inner(images, size, **options)

    monkeypatch.setattr(functional, "interpolate", noted)
    found = FitSquare(30, mode)(img)
    assert scaled == [(30 + (mode == "trim")) * 64]
    monkeypatch.undo()
    monkeypatch.setattr(fit_square, "_STRIP", 1000)
    whole = FitSquare(30, mode)(img)
    torch.testing.assert_close(found, whole, rtol=0, atol=0.05)


def test_crop_keeps_the_middle_and_pad_adds_black():
    img = torch.zeros(1, 4, 8)
    img[..., 2:6] = 1
    assert torch.equal(FitSquare(4, "crop")(img), torch.ones(1, 4, 4))
    padded = FitSquare(8, "pad")(torch.ones(1, 4, 8))
    assert torch.equal(padded[0, 2:6], torch.ones(4, 8))
    assert padded.sum() == 32


def test_constant_pictures_stay_constant_and_in_range():
    for value in (0.0, 1.0, 0.3):
        fitted = FitSquare(50)(torch.full((1, 777, 913), value))
        torch.testing.assert_close(fitted, torch.full((1, 50, 50), value), rtol=0, atol=1e-6)
        assert fitted.min() >= 0
        assert fitted.max() <= 1


def test_the_input_is_not_changed_and_numpy_and_meta_tensors_are_taken():
    img = picture(20, 30)
    before = img.clone()
    reference = FitSquare(10)(img)
    assert torch.equal(img, before)
    for other in (img.numpy(), MetaTensor(img)):
        fitted = FitSquare(10)(other)
        assert type(fitted) is torch.Tensor
        assert torch.equal(fitted, reference)


def test_dictionary_form():
    data = {"image": picture(20, 30), "label": 3}
    result = FitSquared("image", 10, "pad")(data)
    assert torch.equal(result["image"], FitSquare(10, "pad")(data["image"]))
    assert result["label"] == 3
    with pytest.raises(KeyError):
        FitSquared("other", 10)(data)
    assert FitSquared("other", 10, allow_missing_keys=True)(data).keys() == data.keys()


@pytest.mark.parametrize("size", [0, -3, 2.0, True, None])
def test_impossible_sizes(size):
    with pytest.raises(ValueError, match="size is"):
        FitSquare(size)


def test_impossible_modes_and_pictures():
    with pytest.raises(ValueError, match="crop, pad, stretch"):
        FitSquare(8, "fill")
    for img, message in (
        (torch.zeros(5, 5), r"\(5, 5\)"),
        (torch.zeros(1, 0, 5), r"\(1, 0, 5\)"),
        (torch.zeros(1, 5, 5, dtype=torch.uint8), "uint8"),
    ):
        with pytest.raises(ValueError, match=message):
            FitSquare(8)(img)


@pytest.mark.parametrize("mode", ["fundus", "fundus_any"])
def test_a_fundus_is_cut_out(mode):
    photograph = torch.from_numpy(fundus(80, 120, 40, 58, 36))
    assert torch.equal(FitSquare(32, mode)(photograph), FundusCrop(32)(photograph))
    assert torch.equal(FitSquared("image", 32, mode)({"image": photograph})["image"], FundusCrop(32)(photograph))


def test_a_fundus_that_is_too_dark():
    dark = torch.from_numpy(fundus(80, 120, 40, 58, 36, light=0.09, noise=0.002))
    with pytest.raises(FundusError, match="too dark"):
        FitSquare(32, "fundus")(dark)
    assert FitSquare(32, "fundus_any")(dark).shape == (3, 32, 32)
