from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.console import print_noted
from data_prep.picture import BINS, FLATTENED, IGNORED_WINDOW, histogram, noted, picture_note, refer_to, write_png
from monai_mocoi.transforms.image_errors import WINDOW_IGNORED
from monai_mocoi.transforms.reader import read_image, to_channels
from tests.data.dataset_folders import picture
from tests.support.nih_files import grey


def test_what_is_noted_of_a_picture():
    faint = np.linspace(0, 4095 / 65535, 4096, dtype=np.float32).reshape(1, 64, 64)
    assert picture_note(faint) == FLATTENED
    assert picture_note(faint * 16) == 0
    assert picture_note(faint * 16, {WINDOW_IGNORED}) == IGNORED_WINDOW
    assert picture_note(faint, {WINDOW_IGNORED}) == FLATTENED + IGNORED_WINDOW


def test_what_is_told_of_it(capsys):
    notes = {"b": FLATTENED, "a": {"bits": FLATTENED + IGNORED_WINDOW + 1}, "c": 1, "d": {"levels": 3}}
    assert noted(notes) == {"few_grey_levels": ["a", "b"], "window_ignored": ["a"]}
    print_noted(notes)
    printed = capsys.readouterr().out
    assert "2 of 4 pictures use a small part" in printed
    assert "cache_bits auto" in printed
    assert "1 pictures have a window" in printed
    print_noted(notes, written_in_8_bits=True)  # whatever cache_bits is then
    printed = capsys.readouterr().out
    assert "2 of 4 pictures use a small part" in printed
    assert "what is lost stays lost" in printed
    assert "cache_bits" not in printed
    print_noted({"c": 1})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("channels", [1, 3])
def test_against_counting_one_by_one(channels):
    picture = np.random.default_rng(0).integers(0, 256, (channels, 9, 7)).astype(np.float32) / np.float32(255)
    expected = np.zeros(BINS)
    for value in to_channels(picture, 1).ravel().tolist():
        expected[min(int(value * BINS), BINS - 1)] += 1 / 63
    np.testing.assert_allclose(histogram(picture), expected, atol=1e-6)


def test_black_and_white_are_in_it():
    picture = np.array([0, 1, 1, 1], np.float32).reshape(1, 2, 2)
    assert histogram(picture)[[0, -1]].tolist() == [0.25, 0.75]


def _float(pixels: np.ndarray, levels: int = 255) -> np.ndarray:
    return (pixels / levels).astype(np.float32)[None]


@pytest.mark.parametrize(("shape", "size", "expected"), [
    ((48, 48), 24, (24, 24)), ((48, 60), 24, (24, 30)), ((61, 40), 20, (30, 20)), ((48, 48), 47, (47, 47)),
])  # fmt: skip
def test_shorter_side_gets_the_size(tmp_path, shape, size, expected):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_png(_float(pixels), tmp_path / "a.png", size)
    result = grey(tmp_path / "a.png")
    assert result.shape == expected
    # Pillow's own 8-bit result rounds between its two passes, so it may be one level off, not more.
    theirs = np.asarray(Image.fromarray(pixels).resize(expected[::-1], Image.Resampling.BILINEAR))
    assert np.abs(result.astype(int) - theirs).max() <= 1


def test_halving_against_the_triangle_filter(tmp_path):
    # Reducing by 2, Pillow's antialiased bilinear filter weighs the nearest 4 pixels 1, 3, 3, 1 (over 8).
    pixels = picture(5, 32)
    write_png(_float(pixels), tmp_path / "a.png", 16)
    inner = np.zeros((14, 14))
    weights = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
    for r in range(14):
        for c in range(14):
            inner[r, c] = (pixels[2 * r + 1 : 2 * r + 5, 2 * c + 1 : 2 * c + 5] * weights).sum()
    assert np.abs(grey(tmp_path / "a.png")[1:15, 1:15] - inner).max() <= 0.501


@pytest.mark.parametrize("size", [24, 25, 1000])
def test_never_enlarged_and_then_exact(tmp_path, size):
    write_png(_float(picture(2)), tmp_path / "a.png", size)
    np.testing.assert_array_equal(grey(tmp_path / "a.png"), picture(2))


def test_16_bits_are_rounded_to_8(tmp_path):
    levels = np.arange(0, 65536, 7)[:9216].reshape(96, 96)
    write_png(_float(levels, 65535), tmp_path / "a.png", 96)
    np.testing.assert_array_equal(grey(tmp_path / "a.png"), np.rint(levels / 257))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("size", [21, 100])
def test_what_is_returned_is_what_the_reader_makes_of_the_file(tmp_path, bits, size):
    levels = np.random.default_rng(0).integers(0, 65536, (48, 40))
    returned = write_png(_float(levels, 65535), tmp_path / "a.png", size, bits)
    np.testing.assert_array_equal(returned, read_image(tmp_path / "a.png"))


@pytest.mark.parametrize(
    ("channels", "bits", "tolerance"), [(1, 8, 0.5 / 255), (1, 16, 0.5 / 65535), (3, 8, 0.5 / 255)]
)
def test_what_is_returned_is_what_the_reader_makes_of_it(
    tmp_path: Path, channels: int, bits: int, tolerance: float
) -> None:
    picture = np.random.default_rng(0).random((channels, 20, 30)).astype(np.float32)
    written = write_png(picture, tmp_path / "a" / "x.png", 64, bits)
    assert np.array_equal(written, read_image(tmp_path / "a" / "x.png"))
    assert np.abs(written - picture).max() <= tolerance + 1e-6
    assert Image.open(tmp_path / "a" / "x.png").info == {}


def test_colour_is_made_smaller_channel_by_channel(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).random((3, 40, 60)).astype(np.float32)
    colour = write_png(picture, tmp_path / "x.png", 10, 8)
    assert colour.shape == (3, 10, 15)
    for channel, own in zip(colour, picture, strict=True):
        assert np.array_equal(channel, write_png(own[None], tmp_path / "y.png", 10, 8)[0])


def test_a_reference(tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.write_bytes(b"1")
    for _ in range(2):  # again, as after an interruption
        refer_to(str(original), tmp_path / "images" / "x.dcm")
    assert os.readlink(tmp_path / "images" / "x.dcm") == str(original)
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["x.dcm"]
