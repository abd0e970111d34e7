from __future__ import annotations

import io
import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms import image_errors, read_image
from monai_mocoi.transforms.raster import read_raster


def noise(high=255, shape=(7, 9), dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape, endpoint=True).astype(dtype)


def png(values, colour_type, bits, extra=()):
    """A PNG file from its bytes: Pillow writes neither 16-bit colour nor transparent colours of 16 bits."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, colour_type, 0, 0, 0)
    rows = values.astype(">u2" if bits == 16 else "u1").reshape(len(values), -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = [(b"IHDR", header), *extra, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks)


def tiff(values, photometric=1, bits=16, sample_format=1, order="<"):
    """An uncompressed TIFF file from its bytes, one strip."""
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    rows, columns = values.shape
    tags = [(256, columns), (257, rows), (258, bits), (259, 1), (262, photometric), (273, 8)]
    tags += [(277, 1), (278, rows), (279, len(data)), (339, sample_format)]
    data += b"\0" * (len(data) % 2)
    directory = struct.pack(order + "H", len(tags))
    for tag, value in tags:
        directory += struct.pack(order + "HHII", tag, 4, 1, value)
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(data))
    return start + data + directory + struct.pack(order + "I", 0)


def read(tmp_path, content, name="x", **options):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content.save(path, **options)
    return read_image(path)


# --- grey


@pytest.mark.parametrize(
    "options", [{"format": "PNG"}, {"format": "TIFF"}, {"format": "TIFF", "compression": "tiff_lzw"}]
)
def test_8_bit_grey_and_colour(tmp_path, options):
    grey, colour = noise(), noise(shape=(7, 9, 3))
    image = read(tmp_path, Image.fromarray(grey), **options)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, grey[np.newaxis] / np.float32(255))
    image = read(tmp_path, Image.fromarray(colour), **options)
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, colour.transpose(2, 0, 1) / np.float32(255))


def test_16_bit_grey_png(tmp_path):
    values = noise(65535, dtype=np.uint16)
    np.testing.assert_array_equal(read(tmp_path, png(values, 0, 16))[0], values / np.float32(65535))


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_tiff_of_both_byte_orders(tmp_path, order):
    values = noise(65535, dtype=np.uint16)
    np.testing.assert_array_equal(read(tmp_path, tiff(values, order=order))[0], values / np.float32(65535))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_16_bit_compressed_tiff(tmp_path, compression):
    values = noise(65535, dtype=np.uint16)
    image = read(tmp_path, Image.fromarray(values), format="TIFF", compression=compression)
    np.testing.assert_array_equal(image[0], values / np.float32(65535))


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 16)])
def test_white_is_zero_tiff_is_turned_round(tmp_path, dtype, bits):
    values = noise(2**bits - 1, dtype=dtype)
    image = read(tmp_path, tiff(values, photometric=0, bits=bits))
    np.testing.assert_array_equal(image[0], ((2**bits - 1 - values) / (2**bits - 1)).astype(np.float32))


def test_12_bit_tiff_is_scaled_by_12_bits(tmp_path):
    values = np.array([[0, 4095, 1, 2730]], np.uint16)
    packed = np.array([[0x00, 0x0F, 0xFF, 0x00, 0x1A, 0xAA]], np.uint8)
    content = bytearray(tiff(packed, bits=12))
    at = content.index(struct.pack("<HHII", 256, 4, 1, 6))
    content[at : at + 12] = struct.pack("<HHII", 256, 4, 1, 4)
    np.testing.assert_array_equal(read(tmp_path, bytes(content))[0], values / np.float32(4095))


@pytest.mark.parametrize("suffix", ["PNG", "TIFF"])
def test_1_bit(tmp_path, suffix):
    values = noise(1).astype(bool)
    np.testing.assert_array_equal(read(tmp_path, Image.fromarray(values), format=suffix)[0], values)


def test_grey_jpeg_has_one_channel(tmp_path):
    picture = Image.fromarray(noise())
    image = read(tmp_path, picture, format="JPEG")
    np.testing.assert_array_equal(image[0], np.asarray(Image.open(tmp_path / "x")) / np.float32(255))


# --- colour and transparency


def test_palette(tmp_path):
    picture = Image.fromarray(noise(shape=(7, 9, 3))).quantize(8)
    expected = np.asarray(picture.convert("RGB")).transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_array_equal(read(tmp_path, picture, format="PNG"), expected)


def test_transparent_palette_entries_are_black(tmp_path):
    picture = Image.fromarray(noise(3), "P")
    picture.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
    image = read(tmp_path, picture, format="PNG", transparency=bytes([255, 0, 51, 255]))
    colours = np.array([[200, 0, 0], [0, 0, 0], [0, 0, 200 * 51 / 255], [9, 9, 9]]) / 255
    np.testing.assert_allclose(image, colours[noise(3)].transpose(2, 0, 1), rtol=0, atol=1e-7)


@pytest.mark.parametrize(("mode", "channels"), [("LA", 1), ("RGBA", 3)])
def test_alpha_puts_the_picture_before_black(tmp_path, mode, channels):
    values = noise(shape=(7, 9, channels + 1))
    values[0, :2, -1] = 255, 0
    image = read(tmp_path, Image.fromarray(values, mode), format="PNG")
    expected = values[..., :-1] / 255.0 * (values[..., -1:] / 255.0)
    np.testing.assert_allclose(image, expected.transpose(2, 0, 1), rtol=0, atol=1e-7)


def test_opaque_alpha_changes_nothing(tmp_path):
    values = noise(shape=(7, 9, 3))
    with_alpha = np.concatenate([values, np.full((7, 9, 1), 255, np.uint8)], axis=-1)
    image = read(tmp_path, Image.fromarray(with_alpha), format="PNG")
    np.testing.assert_array_equal(image, read(tmp_path, Image.fromarray(values), format="PNG"))


def test_a_transparent_colour_is_black(tmp_path):
    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        high = 2**bits - 1
        grey = noise(3, dtype=dtype) * dtype(high // 3)
        key = [(b"tRNS", struct.pack(">H", high))]
        expected = np.where(grey == high, 0, grey) / np.float32(high)
        np.testing.assert_array_equal(read(tmp_path, png(grey, 0, bits, key))[0], expected)
    colour = noise(1, (7, 9, 3)) * np.uint8(100)
    image = read(tmp_path, png(colour, 2, 8, [(b"tRNS", struct.pack(">HHH", 100, 0, 100))]))
    hidden = (colour == [100, 0, 100]).all(axis=-1, keepdims=True)
    np.testing.assert_array_equal(image, (np.where(hidden, 0, colour) / np.float32(255)).transpose(2, 0, 1))


def test_cmyk_jpeg(tmp_path):
    smooth = Image.fromarray(noise(shape=(3, 3, 3))).resize((32, 32), Image.Resampling.BICUBIC)
    image = read(tmp_path, smooth.convert("CMYK"), format="JPEG", quality=100)
    assert np.abs(image - np.asarray(smooth).transpose(2, 0, 1) / 255).max() < 0.03


@pytest.mark.parametrize(("channels", "colour_type"), [(3, 2), (4, 6)])
def test_16_bit_colour_png_is_read_in_full_depth(tmp_path, channels, colour_type):
    values = noise(65535, (7, 9, channels), np.uint16)
    values[0, 0], values[0, 1] = 0, 65535
    image = read(tmp_path, png(values, colour_type, 16))
    alpha = values[..., 3:] / 65535 if channels == 4 else 1
    np.testing.assert_allclose(image, (values[..., :3] / 65535 * alpha).transpose(2, 0, 1), rtol=0, atol=1e-7)


def test_16_bit_grey_png_with_alpha_is_right_to_8_bits(tmp_path):
    values = noise(65535, (7, 9, 2), np.uint16)
    image = read(tmp_path, png(values, 4, 16))
    assert image.shape == (1, 7, 9)
    assert np.abs(image[0] - values[..., 0] / 65535 * (values[..., 1] / 65535)).max() < 2 / 255


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_is_compared_at_the_depth_of_the_file(bits):
    high = 2**bits - 1
    values = np.arange(16)[None] % (high + 1) if bits < 16 else np.array([[0, 1, 255, 256, 257, 65280, 65535]])
    packed = values
    if bits < 8:
        places = np.unpackbits(values.astype(np.uint8).reshape(-1, 1), axis=1)[:, -bits:]
        packed = np.packbits(places)[None]
    for colour in {0, 1, high // 2, high}:
        content = bytearray(png(packed, 0, bits, [(b"tRNS", struct.pack(">H", colour))]))
        content[16:20] = struct.pack(">I", values.shape[1])
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        expected = np.where(values == colour, 0, values) / np.float32(high)
        np.testing.assert_array_equal(read_raster(io.BytesIO(content))[0], expected.astype(np.float32))


def test_a_transparent_16_bit_colour_is_compared_in_all_its_bits(tmp_path):
    values = np.array([[[65535] * 3, [255] * 3, [255, 255, 256], [65280, 65280, 65280]]], np.uint16)
    image = read(tmp_path, png(values, 2, 16, [(b"tRNS", struct.pack(">HHH", 255, 255, 255))]))
    values[0, 1] = 0
    np.testing.assert_array_equal(image, (values / np.float32(65535)).transpose(2, 0, 1))


# --- what stands beside the picture

BLOW_UP = zlib.compress(bytes(3 * 2**19))


@pytest.mark.parametrize(
    "extra",
    [
        [(b"iCCP", b"profile\0\0" + BLOW_UP)],
        [(b"zTXt", b"comment\0\0" + BLOW_UP)],
        [(b"zTXt", b"Raw profile type exif\0\0" + BLOW_UP)],
        [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BLOW_UP)],
        [(b"tEXt", b"comment\0" + b"x" * 2**20)] * 65,
    ],
    ids=["profile", "text", "exif", "xmp", "many texts"],
)
def test_a_png_is_read_whatever_stands_beside_the_picture(tmp_path, extra):
    values = noise()
    content = png(values, 0, 8, extra)
    with pytest.raises((ValueError, OSError)):
        Image.open(io.BytesIO(content)).load()
    np.testing.assert_array_equal(read(tmp_path, content)[0], values / np.float32(255))
    whole = bytearray(content)
    whole[50] ^= 1  # within the first of these chunks: damage is damage
    with pytest.raises(ImageReadError, match="check sum"):
        read(tmp_path, bytes(whole))


@pytest.mark.parametrize("segment", [b"\xff\xe2\0\x0eICC_PROFILE\0", b"\xff\xed\0\x16Photoshop 3.0\x008BIM\4\4"])
def test_a_jpeg_is_read_whatever_its_profile(tmp_path, segment):
    buffer = io.BytesIO()
    Image.fromarray(noise(shape=(8, 16))).save(buffer, "JPEG")
    plain = buffer.getvalue()
    image = read(tmp_path, plain)
    content = plain[:2] + segment + plain[2:]
    with pytest.raises((OSError, IndexError)):
        Image.open(io.BytesIO(content))
    np.testing.assert_array_equal(read(tmp_path, content), image)


def test_a_tiff_is_read_whatever_its_profile(tmp_path):
    values = noise()
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF", icc_profile=b"broken" * 9)
    content = buffer.getvalue()
    at = content.index(struct.pack("<HH", 34675, 7))
    for entry in (content[at : at + 8] + struct.pack("<I", 10**6), struct.pack("<HHII", 34675, 3, 1, 7)):
        changed = content[:at] + entry + content[at + 12 :]
        np.testing.assert_array_equal(read(tmp_path, changed)[0], values / np.float32(255))


@pytest.mark.parametrize("kind", ["xmp", "compressed xmp", "raw profile"])
def test_an_orientation_in_a_text_of_a_png_is_applied(tmp_path, kind):
    values = noise()
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    exif = Image.Exif()
    exif[274] = 6
    raw = b"\nexif\n  %d\n%b" % (len(exif.tobytes()), exif.tobytes().hex().encode())
    extra = {
        "xmp": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
        "compressed xmp": (b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0\0" + zlib.compress(xmp)),
        "raw profile": (
            b"zTXt",
            b"Raw profile type exif\0\0" + zlib.compress(raw),
        ),
    }[kind]
    np.testing.assert_array_equal(read(tmp_path, png(values, 0, 8, [extra]))[0], np.rot90(values, -1) / np.float32(255))


# --- orientation

UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(("suffix", "dtype"), [("PNG", np.uint8), ("PNG", np.uint16), ("TIFF", np.uint8)])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix, dtype):
    values = noise(np.iinfo(dtype).max, dtype=dtype)
    exif = Image.Exif()
    exif[274] = orientation
    options = {"tiffinfo": {274: orientation}} if suffix == "TIFF" else {"exif": exif}
    image = read(tmp_path, Image.fromarray(values), format=suffix, **options)
    np.testing.assert_array_equal(image[0], UPRIGHT[orientation](values) / np.float32(np.iinfo(dtype).max))


def test_exif_orientation_of_jpeg(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    image = read(tmp_path, Image.fromarray(noise(shape=(8, 16))), format="JPEG", exif=exif)
    stored = np.asarray(Image.open(tmp_path / "x"))
    np.testing.assert_array_equal(image[0], np.rot90(stored, -1) / np.float32(255))


# --- errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tiff(np.zeros((3, 4), np.float32), bits=32, sample_format=3), "floating-point"),
        (tiff(np.zeros((3, 4), np.int16), bits=16, sample_format=2), "signed"),
        (tiff(np.zeros((3, 4), np.int8), bits=8, sample_format=2), "signed"),
        (tiff(np.zeros((3, 4), np.uint32), bits=32), "32-bit"),
    ],
)
def test_tiff_without_agreed_black_and_white(tmp_path, content, message):
    with pytest.raises(ImageReadError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize("suffix", ["TIFF", "PNG"])
def test_several_pages_or_frames(tmp_path, suffix):
    pages = [Image.fromarray(noise(seed=seed)) for seed in range(3)]
    with pytest.raises(ImageReadError, match="3 pages or frames"):
        read(tmp_path, pages[0], format=suffix, save_all=True, append_images=pages[1:])


def test_a_cameras_mpo_is_its_first_picture(tmp_path):
    pages = [Image.fromarray(noise(shape=(7, 9, 3), seed=seed)) for seed in range(2)]
    image = read(tmp_path, pages[0], format="MPO", save_all=True, append_images=pages[1:])
    buffer = io.BytesIO()
    pages[0].save(buffer, "JPEG")
    np.testing.assert_array_equal(image, read(tmp_path, buffer.getvalue()))


def test_a_picture_too_large_is_refused_before_decoding(tmp_path, monkeypatch):
    header = png(np.zeros((1, 1), np.uint8), 0, 8, [])
    for side, message in ((11_000, "11000 x 11000 = 121000000 pixels; the limit is 100000000"), (60_000, "limit, 100")):
        ihdr = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + ihdr
        bomb = start + struct.pack(">I", zlib.crc32(b"IHDR" + ihdr)) + header[33:]
        with pytest.raises(ImageReadError, match=message):
            read(tmp_path, bomb)
    monkeypatch.setattr(image_errors, "MAX_PIXELS", 62)
    with pytest.raises(ImageReadError, match="7 x 9 = 63 pixels; the limit is 62"):
        read(tmp_path, Image.fromarray(noise()), format="PNG")


@pytest.mark.parametrize("suffix", ["PNG", "JPEG", "TIFF"])
def test_cut_short(tmp_path, suffix):
    buffer = io.BytesIO()
    Image.fromarray(noise(shape=(64, 64))).save(buffer, suffix)
    whole = buffer.getvalue()
    assert read(tmp_path, whole).shape == (1, 64, 64)
    for length in (9, len(whole) // 2, len(whole) - 8):
        with pytest.raises(ImageReadError, match="damaged, cut short"):
            read(tmp_path, whole[:length])


def test_a_tiff_whose_strips_do_not_fill_it_is_not_half_black(tmp_path):
    values = noise()
    content = bytearray(tiff(values, bits=8))
    at = content.index(struct.pack("<HHII", 257, 4, 1, 7))
    content[at : at + 12] = struct.pack("<HHII", 257, 4, 1, 40)
    assert np.asarray(Image.open(io.BytesIO(bytes(content)))).shape == (40, 9)
    with pytest.raises(ImageReadError, match="do not fill the picture"):
        read(tmp_path, bytes(content))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_tiff_of_several_strips_and_of_separate_planes(tmp_path, compression):
    colour = noise(shape=(70, 90, 3))
    image = read(tmp_path, Image.fromarray(colour), format="TIFF", compression=compression, strip_size=900)
    np.testing.assert_array_equal(image, colour.transpose(2, 0, 1) / np.float32(255))
    planes = np.ascontiguousarray(colour.transpose(2, 0, 1))
    start = struct.pack("<2sHI", b"II", 42, 8)
    tags = [(256, 90), (257, 70), (258, 8), (259, 1), (262, 2), (277, 3), (278, 70), (284, 2)]
    tags = [(tag, 1, value) for tag, value in tags]
    size = 2 + 12 * (len(tags) + 2) + 4
    lists = 8 + size
    data = lists + 24 + 6
    tags[2] = (258, 3, lists + 24)
    tags += [(273, 3, lists), (279, 3, lists + 12)]
    directory = struct.pack("<H", len(tags))
    for tag, count, value in sorted(tags):
        directory += struct.pack("<HHII", tag, 3 if tag == 258 else 4, count, value)
    offsets = [data + 6300 * plane for plane in range(3)]
    tail = struct.pack("<I3I3I3H", 0, *offsets, *[6300] * 3, 8, 8, 8)
    np.testing.assert_array_equal(read(tmp_path, start + directory + tail + planes.tobytes()), image)


def test_a_damaged_png_is_found_by_its_check_sums(tmp_path):
    whole = bytearray(png(noise(shape=(32, 32)), 0, 8))
    whole[-14] ^= 1  # the check sum of the last data chunk; the pixels themselves would decode
    assert np.asarray(Image.open(io.BytesIO(bytes(whole)))).shape == (32, 32)
    with pytest.raises(ImageReadError, match="damaged"):
        read(tmp_path, bytes(whole))


def test_no_tag_of_a_tiff_reaches_the_log(tmp_path, caplog):
    Image.fromarray(noise()).save(tmp_path / "x", format="TIFF", tiffinfo={270: "Vorname Geheim"})
    with caplog.at_level(logging.DEBUG):
        read_image(tmp_path / "x")
        assert "Geheim" not in caplog.text
        Image.open(tmp_path / "x").load()
        assert "Geheim" in caplog.text


def test_nothing_global_of_pillow_is_changed(tmp_path):
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, logging.getLogger("PIL").level)
    read(tmp_path, Image.fromarray(noise()), format="PNG")
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, logging.getLogger("PIL").level) == before
