from __future__ import annotations

import io
import os
import random

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms import read_image
from monai_mocoi.transforms.file_kinds import DICOM_SUFFIXES
from tests.transforms.dicom_files import compress, dataset, jpeg2000_dataset, jpeg_dataset, lut, palette, save, write


def noise(shape=(24, 20), high=255, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape, endpoint=True).astype(dtype)


def png(path, pixels):
    Image.fromarray(pixels).save(path, "PNG")
    return path


# --- channels


def test_stored_channels_do_not_depend_on_the_content(tmp_path):
    grey = noise()
    assert read_image(png(tmp_path / "1", grey)).shape == (1, 24, 20)
    assert read_image(png(tmp_path / "3", np.stack([grey] * 3, axis=-1))).shape == (3, 24, 20)


def test_three_equal_channels_become_exactly_their_value(tmp_path):
    grey = noise()
    reference = read_image(png(tmp_path / "1", grey))
    for alpha in (0, 1):
        equal = np.stack([grey] * 3 + [np.full_like(grey, 255)] * alpha, axis=-1)
        np.testing.assert_array_equal(read_image(png(tmp_path / "3", equal), channels=1), reference)


def test_grey_is_the_luma_of_bt_601_as_pillow_has_it(tmp_path):
    path = png(tmp_path / "x", noise((24, 20, 3)))
    image = read_image(path, channels=1)
    red, green, blue = read_image(path).astype(np.float64)
    np.testing.assert_allclose(image[0], 0.299 * red + 0.587 * green + 0.114 * blue, rtol=0, atol=1e-6)
    pillow = np.asarray(Image.open(path).convert("L")) / 255
    np.testing.assert_allclose(image[0], pillow, rtol=0, atol=0.51 / 255)


def test_grey_is_repeated_to_three_channels(tmp_path):
    path = png(tmp_path / "x", noise())
    image = read_image(path, channels=3)
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, np.repeat(read_image(path), 3, axis=0))


@pytest.mark.parametrize("channels", [0, 2, 4, "3"])
def test_other_numbers_of_channels_are_refused_before_reading(channels):
    with pytest.raises(ValueError, match="choose 1"):
        read_image("no such file", channels=channels)


# --- which format


def test_the_content_decides_and_not_the_name(tmp_path):
    pixels = noise()
    reference = read_image(png(tmp_path / "x.png", pixels))
    png(tmp_path / "png.dcm", pixels)
    write(tmp_path / "dicom.png", pixels)
    write(tmp_path / "dicom", pixels)
    Image.fromarray(pixels).save(tmp_path / "tiff.jpg", "TIFF")
    for name in ("png.dcm", "dicom.png", "dicom", "tiff.jpg"):
        np.testing.assert_array_equal(read_image(tmp_path / name), reference)
    np.testing.assert_array_equal(read_image(str(tmp_path / "x.png")), reference)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello", "unknown kind"),
        (b"GIF89a" + b"\0" * 50, "GIF"),
        (b"BM" + b"\0" * 50, "BMP"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE html>", "failed download"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".png"])
def test_other_kinds_are_named(tmp_path, content, message, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(ImageReadError, match=message):
        read_image(path)


@pytest.mark.parametrize("suffix", DICOM_SUFFIXES)
def test_what_only_claims_to_be_dicom_is_refused(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    for content in (b"hello", b"\0" * 200, bytes(range(256)) * 4):
        path.write_bytes(content)
        with pytest.raises(ImageReadError, match="DICOM"):
            read_image(path)


def test_a_frame_is_for_dicom_only(tmp_path):
    path = png(tmp_path / "x", noise())
    assert read_image(path, frame=0).shape == (1, 24, 20)
    with pytest.raises(ImageReadError, match=r"frame 2 .* PNG"):
        read_image(path, frame=2)


# --- files that cannot be opened: the text and what is chained to it hold no path


def check_no_path(caught, tmp_path):
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist") as caught:
        read_image(tmp_path / "Mueller.png")
    check_no_path(caught, tmp_path)
    with pytest.raises(IsADirectoryError, match="a folder was given") as caught:
        read_image(tmp_path)
    check_no_path(caught, tmp_path)


def test_a_forbidden_file(tmp_path, monkeypatch):
    path = png(tmp_path / "x", noise())

    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionError, match="may not be read") as caught:
        read_image(path)
    check_no_path(caught, tmp_path)


def test_impossible_names(tmp_path):
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(ImageReadError, match="cannot be opened") as caught:
            read_image(tmp_path / name)
        check_no_path(caught, tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageReadError, match="pipe"):
        read_image(tmp_path / "pipe")


# --- damaged files of every kind


def raster(suffix, pixels, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, suffix, **options)
    return buffer.getvalue()


def dicom(tmp_path, ds):
    return save(tmp_path / "source.dcm", ds).read_bytes()


def sources(tmp_path):
    grey, colour, deep = noise(), noise((24, 20, 3)), noise(high=4095, dtype=np.uint16)
    coloured = palette(dataset(grey, photometric="PALETTE COLOR"), noise((256, 3), seed=1))
    tabled = dataset(deep, 12, VOILUTSequence=[lut(np.arange(4096), 0, 12)])
    windowed = dataset(deep, 12, WindowCenter=2000, WindowWidth=[1000, 50], RescaleSlope=2, RescaleIntercept=-7)
    return [
        raster("PNG", grey),
        raster("PNG", colour),
        raster("PNG", deep),
        raster("JPEG", grey),
        raster("JPEG", colour, progressive=True),
        raster("TIFF", colour),
        raster("TIFF", deep, compression="tiff_lzw"),
        raster("TIFF", colour, compression="jpeg"),
        dicom(tmp_path, windowed),
        dicom(tmp_path, tabled),
        dicom(tmp_path, coloured),
        dicom(tmp_path, dataset(colour, photometric="YBR_FULL", syntax=ImplicitVRLittleEndian)),
        dicom(tmp_path, dataset(deep, 12, syntax=ExplicitVRBigEndian)),
        dicom(tmp_path, compress(dataset(deep, 12), RLELossless)),
        dicom(tmp_path, compress(dataset(np.sort(deep), 12), JPEGLSLossless)),
        dicom(tmp_path, jpeg_dataset(grey)),
        dicom(tmp_path, jpeg2000_dataset(grey)),
    ]


def damaged(content, rng):
    content = bytearray(content)
    if rng.random() < 0.3:
        return bytes(content[: rng.randrange(len(content))])
    # Half of the damage in the header, where it matters most.
    reach = rng.choice([len(content), min(len(content), 1500)])
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        at = rng.randrange(reach)
        content[at] = rng.choice([content[at] ^ (1 << rng.randrange(8)), 0, 255, rng.randrange(256)])
    return bytes(content)


@pytest.mark.parametrize(("seed", "trials"), [(1, 600), pytest.param(2, 4000, marks=pytest.mark.slow)])
def test_damage_ends_in_a_picture_or_an_image_read_error(tmp_path, seed, trials):
    rng = random.Random(seed)
    originals = sources(tmp_path)
    path = tmp_path / "damaged.dcm"
    pictures, errors = 0, []
    for trial in range(trials):
        path.write_bytes(damaged(originals[trial % len(originals)], rng))
        try:
            image = read_image(path)
        except ImageReadError as error:
            errors.append(str(error))
            continue
        pictures += 1
        assert image.dtype == np.float32
        assert image.ndim == 3
        assert image.shape[0] in (1, 3)
        assert image.min() >= 0
        assert image.max() <= 1
    assert min(pictures, len(errors)) > trials / 10
    assert not any(str(tmp_path) in error for error in errors)


def test_the_undamaged_originals_are_read(tmp_path):
    for content in sources(tmp_path):
        (tmp_path / "x").write_bytes(content)
        assert read_image(tmp_path / "x").shape[1:] == (24, 20)
