from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.inhouse.picture_file import refer_to, write_picture
from monai_mocoi.transforms.reader import read_image


@pytest.mark.parametrize(
    ("channels", "bits", "tolerance"), [(1, 8, 0.5 / 255), (1, 16, 0.5 / 65535), (3, 8, 0.5 / 255)]
)
def test_what_is_returned_is_what_the_reader_makes_of_it(
    tmp_path: Path, channels: int, bits: int, tolerance: float
) -> None:
    picture = np.random.default_rng(0).random((channels, 20, 30)).astype(np.float32)
    written = write_picture(picture, tmp_path / "a" / "x.png", 64, bits)
    assert np.array_equal(written, read_image(tmp_path / "a" / "x.png"))
    assert np.abs(written - picture).max() <= tolerance + 1e-6
    assert Image.open(tmp_path / "a" / "x.png").info == {}


def test_colour_is_made_smaller_channel_by_channel(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).random((3, 40, 60)).astype(np.float32)
    colour = write_picture(picture, tmp_path / "x.png", 10, 8)
    assert colour.shape == (3, 10, 15)
    for channel, own in zip(colour, picture, strict=True):
        assert np.array_equal(channel, write_picture(own[None], tmp_path / "y.png", 10, 8)[0])


def test_a_reference(tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.write_bytes(b"1")
    for _ in range(2):  # again, as after an interruption
        refer_to(str(original), tmp_path / "images" / "x.dcm")
    assert os.readlink(tmp_path / "images" / "x.dcm") == str(original)
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["x.dcm"]
