"""From a file or an array 0..255 to 0..1: the same tensor, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor, get_track_meta, set_track_meta
from monai.transforms import Compose, LoadImaged
from PIL import Image

from monai_mocoi.errors import ConstantImageError, ImageReadError
from monai_mocoi.transforms import LoadImageFile, LoadImageFiled, ReadImage, ScaleFrom8Bit, ScaleFrom8Bitd
from tests.transforms.dicom_files import write

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def both(channels: int | None) -> Compose:
    return Compose([LoadImageFiled("image", channels), ScaleFrom8Bitd("image", channels)])


def saved(folder: Path, pixels: np.ndarray) -> Path:
    path = folder / "picture.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("channels", [1, 3, None])
@pytest.mark.parametrize("bits", [8, 16, "colour", "dark"])
def test_from_a_file_it_is_what_read_image_gives_bit_for_bit(tmp_path: Path, channels: int | None, bits: Any) -> None:
    every_16 = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = {
        8: np.arange(256, dtype=np.uint8).reshape(16, 16),
        16: every_16,
        "colour": COLOUR,
        "dark": every_16[:1, :200],  # below 1/255, as if it were scaled
    }[bits]
    path = saved(tmp_path, pixels)
    made = both(channels)({"image": str(path), "index": 3})
    assert set(made) == {"image", "index"}
    assert made["image"].dtype == torch.float32
    assert torch.equal(made["image"], ReadImage(channels)(path))


@pytest.mark.parametrize("bits", [8, 16])
def test_single_steps_give_every_stored_value_exactly(tmp_path: Path, bits: int) -> None:
    side = 2 ** (bits // 2)
    path = saved(tmp_path, np.arange(2**bits).reshape(side, side).astype(f"uint{bits}"))
    assert torch.equal(ScaleFrom8Bit()(LoadImageFile()(path)), ReadImage()(path))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_window_and_the_luma_give_what_read_image_gives_bit_for_bit(tmp_path: Path, channels: int) -> None:
    values = RANDOM.integers(0, 4096, (64, 64), dtype=np.uint16)
    windowed = write(tmp_path / "x.dcm", values, WindowCenter=1000, WindowWidth=1777, RescaleSlope=1.37)
    coloured = saved(tmp_path, RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for path in (windowed, coloured):
        assert torch.equal(both(channels)({"image": str(path)})["image"], ReadImage(channels)(path))


def test_what_was_changed_between_the_steps_is_scaled_as_it_is(tmp_path: Path) -> None:
    loaded = LoadImageFiled("image", 1)({"image": str(saved(tmp_path, GREY))})
    loaded["image"] = 255 - loaded["image"]
    turned = ScaleFrom8Bitd("image", 1)(loaded)
    np.testing.assert_allclose(turned["image"].numpy()[0], (255 - GREY.astype(float)) / 255, rtol=1e-6)
    loaded = LoadImageFiled("image", 1)({"image": str(saved(tmp_path, GREY))})
    loaded["image"][0, 0, 0] = 255 - GREY[0, 0]  # in place
    assert float(ScaleFrom8Bitd("image", 1)(loaded)["image"][0, 0, 0]) == np.float32((255 - int(GREY[0, 0])) / 255)
    assert set(turned) == {"image"}


def test_an_8_bit_picture_has_its_own_values(tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(LoadImageFile()(saved(tmp_path, pixels)).numpy()[0], pixels)
    deep = np.array([[0, 1, 257, 258, 65535]], np.uint16)
    found = LoadImageFile()(saved(tmp_path, deep)).numpy()[0]
    np.testing.assert_allclose(found, deep / 257, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("order", ["grey", "grey CHW", "grey HWC", "colour CHW", "colour HWC", "grey as colour"])
def test_an_array_gives_the_same_as_its_file(tmp_path: Path, channels: int, dtype: Any, order: str) -> None:
    array = {
        "grey": GREY,
        "grey CHW": GREY[None],
        "grey HWC": GREY[..., None],
        "colour CHW": COLOUR.transpose(2, 0, 1),
        "colour HWC": COLOUR,
        "grey as colour": np.repeat(GREY[None], 3, axis=0),
    }[order].astype(dtype)
    expected = ReadImage(channels)(saved(tmp_path, COLOUR if order.startswith("colour") else GREY))
    for given in (array, torch.from_numpy(array.copy())):
        # Whether the consumer leaves the reader out or not.
        assert torch.equal(both(channels)({"image": given})["image"], expected)
        assert torch.equal(ScaleFrom8Bitd("image", channels)({"image": given})["image"], expected)
        assert torch.equal(ScaleFrom8Bit(channels)(given), expected)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.float32([[-1, 200]]), "from -1 to"),
        (np.float32([[0, 255.5]]), "from 0 to 255.5"),
        (np.float32([[-1024, 3071]]), "raw values of DICOM"),
        (np.float32([[0, np.nan]]), "from nan"),
        (np.float32([[0, np.inf]]), "to inf"),
        (GREY / 255, "scaled to 0..1 already"),
        (GREY.astype(np.uint16), "holds uint16"),
        (GREY.astype(np.int64), "holds int64"),
        (GREY > 9, "holds bool"),
        (np.zeros((5, 7, 4), np.uint8), r"shape \(5, 7, 4\)"),
        (np.zeros((2, 5, 7), np.uint8), r"shape \(2, 5, 7\)"),
        (np.zeros((1, 1, 5, 7), np.uint8), r"shape \(1, 1, 5, 7\)"),
        (np.zeros((0, 7), np.uint8), r"shape \(1, 0, 7\)"),
        (np.zeros(7, np.uint8), r"shape \(7,\)"),
        (np.zeros((3, 7, 3), np.uint8), "channels come first or last"),
    ],
)
def test_what_is_no_8_bit_picture_is_refused(array: np.ndarray, text: str) -> None:
    for given in (array, torch.from_numpy(np.asarray(array))):
        with pytest.raises(ImageReadError, match=text):
            ScaleFrom8Bit(1)(given)


def test_a_constant_array_is_refused_and_one_of_values_0_and_1_in_8_bits_is_taken() -> None:
    for value in (0, 1, 255):
        with pytest.raises(ConstantImageError):
            ScaleFrom8Bit(1)(np.full((4, 4), value, np.uint8))
    assert float(ScaleFrom8Bit(1)(np.eye(4, dtype=np.uint8)).max()) == np.float32(1) / np.float32(255)


def test_columns_first_with_the_metadata_of_a_scan_is_refused(tmp_path: Path) -> None:
    """Monai's readers give columns x rows, which no value tells."""
    tracked = get_track_meta()
    set_track_meta(True)  # a bundle that ran in this process has turned it off
    try:
        loaded = LoadImaged("image")({"image": str(saved(tmp_path, GREY))})
    finally:
        set_track_meta(tracked)
    assert loaded["image"].shape == (7, 5)
    with pytest.raises(ImageReadError, match="columns x rows"):
        ScaleFrom8Bitd("image", 1)(loaded)
    plain = ScaleFrom8Bitd("image", 1)({"image": MetaTensor(torch.from_numpy(GREY.astype(np.float32)))})["image"]
    assert torch.equal(plain, ReadImage(1)(saved(tmp_path, GREY)))


def test_unknown_channels() -> None:
    for kind in (LoadImageFile, ScaleFrom8Bit):
        with pytest.raises(ValueError, match="channels is 2"):
            kind(2)
