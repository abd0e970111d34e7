from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms import dicom, jpeg_plugin, read_image
from tests.transforms.dicom_files import dataset, jpeg, save, with_stream

imagecodecs = pytest.importorskip("imagecodecs")

SPECTRAL, PROGRESSION = UID("1.2.840.10008.1.2.4.53"), UID("1.2.840.10008.1.2.4.55")


def noise(high, shape=(32, 20), dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape, endpoint=True).astype(dtype)


def smooth(high, shape=(32, 24)):
    rows, columns = np.indices(shape)
    return ((np.sin(rows / 5) + np.cos(columns / 7) + 2) / 4 * high).round()


def lossless(pixels, bits, **options):
    return imagecodecs.jpeg8_encode(pixels, lossless=True, bitspersample=bits, **options)


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1])
@pytest.mark.parametrize(
    ("shape", "dtype", "bits", "photometric"),
    [
        ((32, 20), np.uint8, 8, "MONOCHROME2"),
        ((33, 21), np.uint16, 12, "MONOCHROME1"),
        ((32, 20), np.uint16, 16, "MONOCHROME2"),
        ((32, 20, 3), np.uint8, 8, "RGB"),
        ((32, 20, 3), np.uint8, 8, "YBR_FULL"),
    ],
)
def test_jpeg_lossless_equals_the_uncompressed_file(tmp_path, syntax, shape, dtype, bits, photometric):
    pixels = noise(2**bits - 1, shape, dtype)
    ds = dataset(pixels, bits, photometric)
    expected = read_image(save(tmp_path / "u.dcm", ds))
    as_they_are = {"colorspace": "YCBCR", "outcolorspace": "YCBCR"} if photometric == "YBR_FULL" else {}
    with_stream(ds, lossless(pixels, bits, **as_they_are), syntax)
    np.testing.assert_array_equal(read_image(save(tmp_path / "c.dcm", ds)), expected)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_every_predictor_of_jpeg_lossless(tmp_path, predictor):
    pixels = noise(4095, dtype=np.uint16)
    stream = lossless(pixels, 12, predictor=predictor)
    ds = with_stream(dataset(pixels, 12), stream, JPEGLossless)
    np.testing.assert_array_equal(read_image(save(tmp_path / "x.dcm", ds))[0], (pixels / 4095).astype(np.float32))


def test_signed_pixels_of_jpeg_lossless(tmp_path):
    pixels = noise(4095, dtype=np.int16) - np.int16(2048)
    ds = with_stream(dataset(pixels, 12), lossless(pixels.view(np.uint16), 16), JPEGLosslessSV1)
    expected = ((pixels + 2048.0) / 4095).astype(np.float32)
    np.testing.assert_array_equal(read_image(save(tmp_path / "x.dcm", ds))[0], expected)


def test_an_overlay_in_the_unused_bits_of_jpeg_lossless(tmp_path):
    pixels = noise(4095, dtype=np.uint16)
    overlaid = pixels | (noise(1, dtype=np.uint16, seed=1) << 12) | 0x8000
    ds = with_stream(dataset(pixels, 12), lossless(overlaid, 16), JPEGLossless)
    np.testing.assert_array_equal(read_image(save(tmp_path / "x.dcm", ds))[0], (pixels / 4095).astype(np.float32))


def test_12_bit_jpeg_extended(tmp_path):
    pixels = smooth(4095).astype(np.uint16)
    ds = with_stream(
        dataset(pixels, 12), imagecodecs.jpeg8_encode(pixels, level=95, bitspersample=12), JPEGExtended12Bit
    )
    image = read_image(save(tmp_path / "x.dcm", ds))
    assert np.abs(image[0] - pixels / 4095).max() < 0.005
    assert len(np.unique(image)) > 256


def test_the_ringing_of_a_lossy_coder_stays_white(tmp_path):
    pixels = np.where(noise(1), 1023, 0).astype(np.uint16)  # in a stream of 12 bits it overshoots 10
    stream = imagecodecs.jpeg8_encode(pixels, level=50, bitspersample=12)
    decoded = imagecodecs.jpeg8_decode(stream)
    assert decoded.max() > 1023
    image = read_image(save(tmp_path / "x.dcm", with_stream(dataset(pixels, 10), stream, JPEGExtended12Bit)))
    np.testing.assert_array_equal(image[0], (np.minimum(decoded, 1023) / 1023).astype(np.float32))


@pytest.mark.parametrize("syntax", [JPEGExtended12Bit, SPECTRAL, PROGRESSION])
def test_8_bits_sequential_and_progressive(tmp_path, syntax):
    import io

    from PIL import Image

    pixels = smooth(255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, progressive=syntax != JPEGExtended12Bit)
    expected = np.asarray(Image.open(stream))
    image = read_image(save(tmp_path / "x.dcm", with_stream(dataset(pixels), stream.getvalue(), syntax)))
    np.testing.assert_array_equal(image[0], expected / np.float32(255))


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422"])
def test_progressive_colour(tmp_path, photometric):
    pixels = np.dstack([smooth(255), 255 - smooth(255), smooth(99)]).astype(np.uint8)
    colours = {"RGB": "RGB", "YBR_FULL_422": "YCBCR"}
    stream = imagecodecs.jpeg8_encode(
        pixels, level=100, colorspace="RGB", outcolorspace=colours[photometric], subsampling="444"
    )
    ds = with_stream(dataset(pixels, photometric=photometric), stream, PROGRESSION)
    image = read_image(save(tmp_path / "x.dcm", ds))
    assert np.abs(image - pixels.transpose(2, 0, 1) / 255).max() < 0.02


def test_one_of_several_frames(tmp_path):
    frames = noise(255, (3, 32, 20))
    ds = with_stream(dataset(frames[0]), lossless(frames[0], 8), JPEGLosslessSV1)
    ds.NumberOfFrames = 3
    ds.PixelData = encapsulate([lossless(frame, 8) for frame in frames])
    path = save(tmp_path / "x.dcm", ds)
    for index in range(3):
        np.testing.assert_array_equal(read_image(path, frame=index)[0], frames[index] / np.float32(255))


STREAMS = {
    "lossless": (noise(4095, dtype=np.uint16), lambda p: lossless(p, 12), JPEGLosslessSV1),
    "extended": (
        noise(4095, dtype=np.uint16),
        lambda p: imagecodecs.jpeg8_encode(p, bitspersample=12),
        JPEGExtended12Bit,
    ),
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_stream_cut_short_is_never_half_a_picture(tmp_path, kind, fraction):
    pixels, encode, syntax = STREAMS[kind]
    stream = encode(pixels)
    path = save(tmp_path / "x.dcm", with_stream(dataset(pixels, 12), stream[: int(len(stream) * fraction)], syntax))
    with pytest.raises(ImageReadError, match="damaged or cut short"):
        read_image(path)


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_of_another_size_is_refused_before_it_is_decoded(tmp_path, kind, monkeypatch):
    pixels, encode, syntax = STREAMS[kind]
    for name in ("jpeg8_decode", "jpegsof3_decode"):
        monkeypatch.setattr(imagecodecs, name, lambda *_, **__: pytest.fail("decoded"))
    ds = with_stream(dataset(pixels[:31], 12), encode(pixels), syntax)
    with pytest.raises(ImageReadError, match="damaged or cut short"):
        read_image(save(tmp_path / "x.dcm", ds))


@pytest.mark.parametrize("kind", STREAMS)
def test_damage_ends_in_a_picture_or_an_error_and_never_ends_the_process(tmp_path, kind):
    pixels, encode, syntax = STREAMS[kind]
    path = save(tmp_path / "x.dcm", with_stream(dataset(pixels, 12), encode(pixels), syntax))
    code = """
import sys, random
from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms import read_image
whole, r = open(sys.argv[1], "rb").read(), random.Random(0)
start, pictures = whole.index(b"\\xff\\xd8"), 0
for _ in range(300):
    broken = bytearray(whole)
    for _ in range(r.choice([1, 1, 3, 20])):
        broken[r.randrange(start, len(whole))] = r.randrange(256)
    open(sys.argv[1], "wb").write(broken)
    try:
        assert read_image(sys.argv[1]).shape == (1, 32, 20)
        pictures += 1
    except ImageReadError:
        pass
print(pictures)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 300


def test_a_lack_of_memory_is_not_blamed_on_the_file(tmp_path, monkeypatch):
    pixels = noise(255)
    path = save(tmp_path / "x.dcm", with_stream(dataset(pixels), lossless(pixels, 8), JPEGLosslessSV1))

    def lacking(*_):
        raise MemoryError

    with monkeypatch.context() as small:
        small.setattr(imagecodecs, "jpegsof3_decode", lacking)
        with pytest.raises(MemoryError):
            read_image(path)
    np.testing.assert_array_equal(read_image(path)[0], pixels / np.float32(255))


def test_threads_get_their_own_pixels(tmp_path):
    pictures = [noise(255, (32, 20 + index), seed=index) for index in range(4)]
    paths = [
        save(tmp_path / f"{index}.dcm", with_stream(dataset(picture), lossless(picture, 8), JPEGLosslessSV1))
        for index, picture in enumerate(pictures)
    ]
    found = {}

    def ask(index):
        for _ in range(5):
            found[index] = read_image(paths[index])[0]

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, picture in enumerate(pictures):
        np.testing.assert_array_equal(found[index], picture / np.float32(255))


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGExtended12Bit, PROGRESSION])
def test_without_imagecodecs_the_error_names_the_command(tmp_path, monkeypatch, syntax):
    ds = with_stream(dataset(noise(4095, dtype=np.uint16), 12), jpeg(noise(255)), syntax)
    monkeypatch.setattr(dicom._JPEG[str(syntax)], "_available", {})
    with pytest.raises(ImageReadError) as caught:
        read_image(save(tmp_path / "x.dcm", ds))
    assert 'pip install "monai-mocoi[dicom]"' in str(caught.value)
    assert jpeg_plugin.is_available(str(syntax))
