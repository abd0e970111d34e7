from __future__ import annotations

import io
import logging
import math
import re

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, Sequence, dcmread
from pydicom.pixels import get_decoder
from pydicom.uid import (
    JPEG2000,
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from monai_mocoi.errors import ConstantImageError, ImageReadError
from monai_mocoi.transforms import ReadImage, dicom, dicom_display, dicom_header, read_image
from monai_mocoi.transforms.reader import collected_notes
from tests.transforms.dicom_files import (
    PATIENT,
    compress,
    dataset,
    jpeg,
    jpeg2000_dataset,
    jpeg_dataset,
    lut,
    palette,
    save,
    with_stream,
    write,
)

NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def noise(high, shape=(7, 9), low=0, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(low, high, shape, endpoint=True).astype(dtype)


def naive_window(x, center, width, function="LINEAR"):
    """One value, written after the pseudo-code of PS3.3 C.11.2.1.2 and C.11.2.1.3, with ymin = 0 and ymax = 1."""
    if function == "LINEAR":
        if x <= center - 0.5 - (width - 1) / 2:
            return 0.0
        if x > center - 0.5 + (width - 1) / 2:
            return 1.0
        return (x - (center - 0.5)) / (width - 1) + 0.5
    if function == "LINEAR_EXACT":
        if x <= center - width / 2:
            return 0.0
        if x > center + width / 2:
            return 1.0
        return (x - center) / width + 0.5
    exponent = -4 * (x - center) / width
    return 1.0 / (1.0 + math.exp(exponent)) if exponent < 700 else 0.0


def naive_lut(x, entries, first):
    if x < first:
        return entries[0]
    if x >= first + len(entries):
        return entries[-1]
    return entries[int(x - first)]


def each(function, pixels):
    return np.array([[function(float(x)) for x in row] for row in pixels])[np.newaxis]


# --- the same picture from any coding


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint8, 7), (np.uint16, 12), (np.uint16, 16)])
def test_native_codings_scale_by_bits_stored(tmp_path, syntax, dtype, bits):
    pixels = noise(2**bits - 1, dtype=dtype)
    image = read_image(write(tmp_path / "x.dcm", pixels, bits, syntax=syntax))
    np.testing.assert_array_equal(image, (pixels / (2**bits - 1)).astype(np.float32)[np.newaxis])


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless], ids=lambda uid: uid.keyword)
@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 12), (np.uint16, 16)])
def test_lossless_codings_equal_the_uncompressed_file(tmp_path, syntax, dtype, bits):
    # Sorted, because a JPEG-LS encoder refuses to make small noise larger.
    pixels = np.sort(noise(2**bits - 1, dtype=dtype), axis=None).reshape(7, 9)
    ds = dataset(pixels, bits)
    reference = read_image(save(tmp_path / "u.dcm", ds))
    compress(ds, syntax)
    np.testing.assert_array_equal(read_image(save(tmp_path / "c.dcm", ds)), reference)


@pytest.mark.parametrize(("dtype", "high"), [(np.uint8, 255), (np.uint16, 65535)])
def test_jpeg_2000_lossless_equals_the_uncompressed_file(tmp_path, dtype, high):
    pixels = noise(high, shape=(40, 33), dtype=dtype)
    image = read_image(save(tmp_path / "x.dcm", jpeg2000_dataset(pixels)))
    np.testing.assert_array_equal(image, read_image(write(tmp_path / "u.dcm", pixels)))


def test_jpeg_2000_colour_equals_the_uncompressed_file(tmp_path):
    pixels = noise(255, shape=(40, 33, 3))
    image = read_image(save(tmp_path / "x.dcm", jpeg2000_dataset(pixels, photometric="YBR_RCT")))
    np.testing.assert_array_equal(image, pixels.transpose(2, 0, 1) / np.float32(255))


def test_8_bit_dicom_and_png_are_equal_bit_for_bit(tmp_path):
    for name, pixels, photometric in (("g", noise(255), "MONOCHROME2"), ("c", noise(255, (7, 9, 3)), "RGB")):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        from_dicom = read_image(write(tmp_path / f"{name}.dcm", pixels, photometric=photometric))
        np.testing.assert_array_equal(from_dicom, read_image(tmp_path / f"{name}.png"))


def test_16_bit_dicom_and_png_are_equal_bit_for_bit(tmp_path):
    pixels = noise(65535, dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_image(write(tmp_path / "x.dcm", pixels)), read_image(tmp_path / "x.png"))


def test_jpeg_in_dicom_equals_the_jpeg_file(tmp_path):
    smooth = np.asarray(Image.fromarray(noise(255, (4, 4))).resize((32, 24), Image.Resampling.BICUBIC))
    (tmp_path / "x.jpg").write_bytes(jpeg(smooth))
    image = read_image(save(tmp_path / "x.dcm", jpeg_dataset(smooth)))
    np.testing.assert_array_equal(image, read_image(tmp_path / "x.jpg"))


def test_colour_jpeg_in_dicom_is_the_jpeg_file_within_rounding(tmp_path):
    smooth = np.asarray(Image.fromarray(noise(255, (4, 4, 3))).resize((32, 24), Image.Resampling.BICUBIC))
    (tmp_path / "x.jpg").write_bytes(jpeg(smooth))
    image = read_image(save(tmp_path / "x.dcm", jpeg_dataset(smooth, "YBR_FULL_422")))
    assert np.abs(image - read_image(tmp_path / "x.jpg")).max() <= 1.5 / 255


def test_a_file_without_preamble_is_dicom_by_its_content(tmp_path):
    pixels = noise(255)
    whole = write(tmp_path / "x.dcm", pixels).read_bytes()
    (tmp_path / "bare").write_bytes(whole[132:])
    np.testing.assert_array_equal(read_image(tmp_path / "bare"), read_image(tmp_path / "x.dcm"))


# --- grey scale


def test_signed_pixels_scale_by_their_signed_range(tmp_path):
    pixels = noise(2047, low=-2048, dtype=np.int16)
    pixels[0, :2] = -2048, 2047
    image = read_image(write(tmp_path / "x.dcm", pixels, 12))
    np.testing.assert_array_equal(image[0], ((pixels + 2048.0) / 4095).astype(np.float32))


def test_the_scale_is_the_format_and_not_the_content(tmp_path):
    dim = read_image(write(tmp_path / "x.dcm", np.array([[100, 101]], np.uint16), 12))
    np.testing.assert_array_equal(dim[0], np.array([[100, 101]], np.float32) / np.float32(4095))


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_monochrome1_is_the_exact_inverse(tmp_path, bits):
    high = 2**bits - 1
    pixels = noise(high, dtype=np.uint8 if bits == 8 else np.uint16)
    inverse = read_image(write(tmp_path / "1.dcm", pixels, bits, "MONOCHROME1"))
    turned = read_image(write(tmp_path / "2.dcm", (high - pixels).astype(pixels.dtype), bits, "MONOCHROME2"))
    np.testing.assert_array_equal(inverse, turned)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@pytest.mark.parametrize(
    ("center", "width"), [(2048, 4096), (512, 300), (511.5, 1023), (100, 2.5), (-40, 90), (700, 1)]
)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_window_equals_the_standards_formula(tmp_path, function, center, width, photometric):
    pixels = noise(1200, dtype=np.uint16, shape=(16, 16))
    pixels[0, :6] = 0, 4095, 99, 100, 699, 700
    fields = {"VOILUTFunction": function} if function else {}
    path = write(tmp_path / "x.dcm", pixels, 12, photometric, WindowCenter=center, WindowWidth=width, **fields)
    expected = each(lambda x: naive_window(x, center, width, function or "LINEAR"), pixels)
    if photometric == "MONOCHROME1":
        expected = 1 - expected
    np.testing.assert_allclose(read_image(path), expected, rtol=0, atol=1e-7)


def test_a_steep_sigmoid_does_not_overflow(tmp_path):
    path = write(
        tmp_path / "x.dcm",
        np.array([[0, 65535]], np.uint16),
        WindowCenter=40000,
        WindowWidth=1,
        VOILUTFunction="SIGMOID",
    )
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        np.testing.assert_allclose(read_image(path), [[[0, 1]]], atol=1e-30)


def test_the_first_of_several_windows_is_used(tmp_path):
    pixels = noise(4095, dtype=np.uint16)
    path = write(tmp_path / "x.dcm", pixels, 12, WindowCenter=[1000, 3000], WindowWidth=[500, 10])
    np.testing.assert_allclose(read_image(path), each(lambda x: naive_window(x, 1000, 500), pixels), rtol=0, atol=1e-7)


def test_the_window_is_applied_to_rescaled_values(tmp_path):
    pixels = noise(4095, dtype=np.uint16)
    path = write(
        tmp_path / "x.dcm", pixels, 12, RescaleSlope="0.5", RescaleIntercept="-1024", WindowCenter=40, WindowWidth=400
    )
    expected = each(lambda x: naive_window(0.5 * x - 1024, 40, 400), pixels)
    np.testing.assert_allclose(read_image(path), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (2, 7), (0.25, 0.5), (-1, 4095), (-3, 10)])
def test_rescale_without_window_only_turns_round_where_the_slope_is_negative(tmp_path, slope, intercept):
    pixels = noise(4095, dtype=np.uint16)
    path = write(tmp_path / "x.dcm", pixels, 12, RescaleSlope=slope, RescaleIntercept=intercept)
    expected = pixels / 4095 if slope > 0 else 1 - pixels / 4095
    np.testing.assert_allclose(read_image(path)[0], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (10, np.uint16), (16, np.uint16)])
@pytest.mark.parametrize(("first", "count"), [(0, 4096), (500, 100), (4000, 300)])
def test_voi_lut_is_scaled_by_its_bit_depth(tmp_path, bits, dtype, first, count):
    pixels = noise(4095, dtype=np.uint16, shape=(16, 16))
    entries = noise(2**bits - 1, (count,), dtype=dtype, seed=1)
    path = write(tmp_path / "x.dcm", pixels, 12, VOILUTSequence=Sequence([lut(entries, first, bits)]))
    expected = each(lambda x: naive_lut(x, entries, first), pixels) / (2**bits - 1)
    np.testing.assert_allclose(read_image(path), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_lut_of_65536_entries_in_words(tmp_path, syntax):
    pixels = noise(65535, dtype=np.uint16)
    entries = np.arange(65536, dtype=np.uint16)[::-1]
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [0, 0, 16])
    item.add_new("LUTData", "OW", entries.astype("<u2" if syntax.is_little_endian else ">u2").tobytes())
    path = write(tmp_path / "x.dcm", pixels, syntax=syntax, VOILUTSequence=Sequence([item]))
    np.testing.assert_array_equal(read_image(path)[0], ((65535 - pixels) / 65535).astype(np.float32))


def test_lut_of_bytes_packed_in_words(tmp_path):
    pixels = noise(255)
    entries = noise(255, (256,), seed=1)
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [256, 0, 8])
    item.add_new("LUTData", "OW", entries.tobytes())
    path = write(tmp_path / "x.dcm", pixels, VOILUTSequence=Sequence([item]))
    np.testing.assert_array_equal(read_image(path)[0], entries[pixels] / np.float32(255))


def test_modality_lut_with_signed_pixels_comes_before_the_window(tmp_path):
    pixels = noise(2047, low=-2048, dtype=np.int16)
    entries = noise(65535, (4096,), dtype=np.uint16, seed=1)
    sequence = Sequence([lut(entries, -2048, 16, "SS")])
    sequence[0].ModalityLUTType = "US"
    bare = read_image(write(tmp_path / "x.dcm", pixels, 12, ModalityLUTSequence=sequence))
    np.testing.assert_array_equal(bare[0], (entries[pixels + 2048] / 65535).astype(np.float32))
    path = write(tmp_path / "w.dcm", pixels, 12, ModalityLUTSequence=sequence, WindowCenter=3e4, WindowWidth=2e4)
    expected = each(lambda x: naive_window(naive_lut(x, entries, -2048), 3e4, 2e4), pixels)
    np.testing.assert_allclose(read_image(path), expected, rtol=0, atol=1e-7)


def test_first_input_of_a_voi_lut_read_as_unsigned_is_understood_as_negative(tmp_path):
    pixels = noise(4095, dtype=np.uint16)
    entries = np.arange(4096) * 16
    # -1024 in two's complement, as an implicit VR file with unsigned pixels gives it
    item = lut(entries, 2**16 - 1024, 16)
    path = write(
        tmp_path / "x.dcm", pixels, 12, RescaleSlope=1, RescaleIntercept=-1024, VOILUTSequence=Sequence([item])
    )
    np.testing.assert_allclose(read_image(path)[0], entries[pixels] / 65535, rtol=0, atol=1e-7)


def test_a_voi_lut_is_preferred_to_a_window(tmp_path):
    pixels = noise(255)
    entries = np.arange(256)[::-1]
    fields = {"WindowCenter": 10, "WindowWidth": 5}
    path = write(tmp_path / "x.dcm", pixels, VOILUTSequence=Sequence([lut(entries, 0, 8)]), **fields)
    np.testing.assert_array_equal(read_image(path)[0], (255 - pixels) / np.float32(255))


def test_bits_above_those_stored_are_not_part_of_the_picture(tmp_path):
    pixels = noise(4095, dtype=np.uint16)
    overlaid = pixels | 0x8000
    np.testing.assert_array_equal(
        read_image(write(tmp_path / "x.dcm", overlaid, 12)), read_image(write(tmp_path / "u.dcm", pixels, 12))
    )


@pytest.mark.parametrize(("dtype", "low", "high"), [(np.uint16, 0, 4095), (np.int16, -2048, 2047)])
def test_large_pictures_are_looked_up_as_small_ones(tmp_path, dtype, low, high):
    pixels = noise(high, (150, 211), low, dtype)  # more than are looked up at a time, and no multiple of it
    assert pixels.size > dicom_display._PART
    path = write(tmp_path / "a.dcm", pixels, bits=12, WindowCenter="300", WindowWidth="1001")
    expected = np.clip((pixels.astype(np.float64) - 299.5) / 1000 + 0.5, 0, 1).astype(np.float32)
    np.testing.assert_array_equal(read_image(path)[0], expected)


def test_32_bit_pixels(tmp_path):
    pixels = np.array([[0, 1, 2**31, 2**32 - 1]], np.uint32)
    image = read_image(write(tmp_path / "x.dcm", pixels))
    np.testing.assert_allclose(image[0], pixels / (2**32 - 1), rtol=1e-7)
    path = write(tmp_path / "w.dcm", pixels, 32, WindowCenter=2**31, WindowWidth=2**32)
    np.testing.assert_allclose(
        read_image(path), each(lambda x: naive_window(x, 2**31, 2**32), pixels), rtol=0, atol=1e-7
    )


def test_1_bit_pixels(tmp_path):
    bits = noise(1, (8, 16))
    ds = dataset(bits)
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = 0
    ds.PixelData = np.packbits(bits, bitorder="little").tobytes()
    np.testing.assert_array_equal(read_image(save(tmp_path / "x.dcm", ds))[0], bits)


# --- colour


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rgb_with_both_planar_configurations(tmp_path, syntax, dtype):
    pixels = noise(np.iinfo(dtype).max, (6, 5, 3), dtype=dtype)
    expected = (pixels.transpose(2, 0, 1) / np.iinfo(dtype).max).astype(np.float32)
    np.testing.assert_array_equal(
        read_image(write(tmp_path / "0.dcm", pixels, photometric="RGB", syntax=syntax)), expected
    )
    ds = dataset(pixels, photometric="RGB", syntax=syntax)
    planes = dataset(np.ascontiguousarray(pixels.transpose(2, 0, 1)).reshape(18, 5), syntax=syntax)
    ds.PixelData = planes.PixelData
    ds.PlanarConfiguration = 1
    np.testing.assert_array_equal(read_image(save(tmp_path / "1.dcm", ds)), expected)


def test_ybr_full_becomes_rgb(tmp_path):
    y, cb, cr = (noise(235, (6, 5), low=20, seed=seed).astype(float) for seed in range(3))
    red = y + 1.402 * (cr - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    blue = y + 1.772 * (cb - 128)
    expected = np.clip(np.stack([red, green, blue]), 0, 255) / 255
    pixels = np.stack([y, cb, cr], axis=-1).astype(np.uint8)
    image = read_image(write(tmp_path / "x.dcm", pixels, photometric="YBR_FULL"))
    np.testing.assert_allclose(image, expected, rtol=0, atol=0.51 / 255)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("first", "count"), [(0, 256), (20, 100)])
def test_palette_colour_is_scaled_by_the_palettes_bit_depth(tmp_path, syntax, dtype, first, count):
    high = np.iinfo(dtype).max
    pixels = noise(255)
    colours = noise(high, (count, 3), dtype=dtype, seed=1)
    compressed = syntax.is_encapsulated
    ds = dataset(pixels, photometric="PALETTE COLOR", syntax=ExplicitVRLittleEndian if compressed else syntax)
    palette(ds, colours, first)
    if compressed:
        compress(ds, syntax)
    expected = colours[np.clip(pixels.astype(int) - first, 0, count - 1)].transpose(2, 0, 1) / high
    np.testing.assert_array_equal(read_image(save(tmp_path / "x.dcm", ds)), expected.astype(np.float32))


def test_16_bit_pixels_in_a_palette_of_8_bit_entries(tmp_path):
    pixels = noise(999, dtype=np.uint16)
    colours = noise(255, (1000, 3), seed=1)
    ds = palette(dataset(pixels, photometric="PALETTE COLOR"), colours)
    image = read_image(save(tmp_path / "x.dcm", ds))
    np.testing.assert_array_equal(image, colours[pixels].transpose(2, 0, 1) / np.float32(255))


def test_a_segmented_palette_is_unrolled(tmp_path):
    ds = dataset(np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5), photometric="PALETTE COLOR")
    # One entry of 0 (a discrete segment), then 255 entries rising to 65,280 (a linear one).
    segments = np.array([0, 1, 0, 1, 255, 65280], "<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        ds.add_new(f"Segmented{colour}PaletteColorLookupTableData", "OW", segments)
    image = read_image(save(tmp_path / "x.dcm", ds))
    expected = np.arange(0, 250, 10).reshape(5, 5) * 256 / 65535
    np.testing.assert_allclose(image, np.stack([expected] * 3), rtol=0, atol=1e-7)


# --- frames


def frames_dataset(frames):
    ds = dataset(np.concatenate(list(frames)), 12)
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames.shape
    return ds


def test_several_frames_are_an_error_that_names_their_number_unless_one_is_chosen(tmp_path):
    frames = noise(4095, (5, 6, 4), dtype=np.uint16)
    path = save(tmp_path / "x.dcm", frames_dataset(frames))
    with pytest.raises(ImageReadError, match="5 frames"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, frame=3)[0], (frames[3] / 4095).astype(np.float32))
    for wrong in (-1, 5):
        with pytest.raises(ImageReadError, match=f"frame {wrong} .* holds 5"):
            read_image(path, frame=wrong)
    for count, said in ((300, "holds 300 frames"), (20_010_917, "holds 10,000 or more frames")):  # the latter a date
        ds = frames_dataset(frames)
        ds.NumberOfFrames = count
        with pytest.raises(ImageReadError, match=said) as caught:
            read_image(save(tmp_path / "y.dcm", ds))
        assert "20010917" not in str(caught.value).replace(",", "")


def test_functional_groups_of_enhanced_objects(tmp_path):
    frames = noise(4095, (2, 6, 4), dtype=np.uint16)
    ds = frames_dataset(frames)
    shared, rescale = Dataset(), Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept = 2, -100
    shared.PixelValueTransformationSequence = [rescale]
    ds.SharedFunctionalGroupsSequence = [shared]
    per_frame = []
    for center in (1000, 3000):
        group, window = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = center, 800
        group.FrameVOILUTSequence = [window]
        per_frame.append(group)
    ds.PerFrameFunctionalGroupsSequence = per_frame
    path = save(tmp_path / "x.dcm", ds)
    for index, center in enumerate((1000, 3000)):
        expected = each(lambda x, center=center: naive_window(2 * x - 100, center, 800), frames[index])
        np.testing.assert_allclose(read_image(path, frame=index), expected, rtol=0, atol=1e-7)


# --- errors


def without(*keywords):
    return dict.fromkeys(keywords)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (without("PixelData"), "no pixel data"),
        (without("Rows"), "Rows is missing"),
        ({"BitsStored": 6}, "High Bit is 7 with 6 Bits Stored"),
        ({"PhotometricInterpretation": "HSV"}, "pixel data are damaged|photometric"),
        ({"PhotometricInterpretation": "RGB"}, "photometric"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "LUT Descriptor"),
        (without("SamplesPerPixel"), "DICOM SamplesPerPixel is missing"),
        (without("PhotometricInterpretation"), "DICOM PhotometricInterpretation is missing"),
        (without("BitsAllocated"), "DICOM BitsAllocated is missing"),
        (without("BitsStored"), "DICOM BitsStored is missing"),
        (without("PixelRepresentation"), "DICOM PixelRepresentation is missing"),
        ({"SamplesPerPixel": 3}, "DICOM PlanarConfiguration is missing"),
        ({"SamplesPerPixel": 2}, "DICOM SamplesPerPixel is 2"),
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 2}, "DICOM PlanarConfiguration is 2"),
        ({"PixelRepresentation": 5}, "DICOM PixelRepresentation is 5"),
        ({"BitsAllocated": 12}, "DICOM BitsAllocated is 12"),
        ({"BitsStored": 12, "HighBit": 11}, "DICOM BitsStored is 12, .* 8"),
        ({"RescaleSlope": 0, "RescaleIntercept": 1}, "Rescale Slope .* is 0"),
        # Finite numbers, whose products are not; and an intercept beside which float64 loses the pixels.
        ({"RescaleSlope": "1e308", "RescaleIntercept": 0}, "range is too wide"),
        ({"RescaleSlope": "-1e308", "RescaleIntercept": 0}, "range is too wide"),
        ({"RescaleSlope": "1e308", "RescaleIntercept": 0, "WindowCenter": 1, "WindowWidth": 2}, "range is too wide"),
        ({"RescaleSlope": "1e-30", "RescaleIntercept": 1000}, "too narrow for their size"),
        ({"VOILUTSequence": [lut([0, 1, 2], 0, 7)]}, "entries of 7 bits"),
        ({"VOILUTSequence": [lut([0, 300], 0, 8)]}, "entries above 255"),
        ({"Rows": 60000, "Columns": 60000}, "limit is 100000000"),
        ({"PixelData": b"\0" * 10}, "pixel data are damaged or cut short"),
    ],
)
def test_each_error_says_what_is_wrong(tmp_path, fields, message):
    path = write(tmp_path / "x.dcm", noise(255), **fields)
    with pytest.raises(ImageReadError, match=message) as caught:
        read_image(path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"RescaleIntercept": "19310405", "RescaleSlope": "1e-30"},
        {"RescaleIntercept": "19310405", "RescaleSlope": "1e308"},
        {"RescaleIntercept": "19310405", "RescaleSlope": "0"},
        {"NumberOfFrames": "19310405"},
        {"NumberOfFrames": "-19310405"},
        *(
            {keyword: ("IS", "19310405")}
            for keyword in ("Rows", "Columns", "BitsStored", "BitsAllocated", "HighBit", "SamplesPerPixel")
        ),
        {"Rows": ("IS", "-19310405")},
        {"PixelRepresentation": ("IS", "19310405")},
        {"VOILUTSequence": [lut([0, 1, 2], 0, 31045)]},
    ],
)
def test_no_error_repeats_a_number_that_could_be_a_date_or_an_id(tmp_path, fields):
    ds = dataset(noise(255))
    for keyword, value in fields.items():
        if isinstance(value, tuple):
            del ds[keyword]
            ds.add_new(keyword, *value)
        else:
            setattr(ds, keyword, value)
    for frame in (None, 1):
        with pytest.raises(ImageReadError) as caught:
            read_image(save(tmp_path / "x.dcm", ds), frame=frame)
        assert not re.search("1931|0405|31045|405", str(caught.value).replace(",", ""))


def test_too_few_lut_entries(tmp_path):
    item = lut([0, 1, 2], 0, 8)
    item.LUTDescriptor = [200, 0, 8]
    with pytest.raises(ImageReadError, match="fewer entries than its descriptor names"):
        read_image(write(tmp_path / "x.dcm", noise(255), VOILUTSequence=[item]))


def test_no_transfer_syntax(tmp_path):
    bare = dataset(noise(255))
    del bare.file_meta
    bare.save_as(tmp_path / "z.dcm", implicit_vr=True, little_endian=True)
    with pytest.raises(ImageReadError, match="no transfer syntax"):
        read_image(tmp_path / "z.dcm")


def test_compressed_1_bit_pixels(tmp_path):
    ds = with_stream(dataset(noise(1, (8, 16))), b"\0" * 64, RLELossless)
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = 0
    with pytest.raises(ImageReadError, match="compressed 1-bit"):
        read_image(save(tmp_path / "x.dcm", ds))


def test_float_pixels(tmp_path):
    ds = dataset(noise(255), PixelData=None)
    ds.FloatPixelData = np.zeros((7, 9), "<f4").tobytes()
    with pytest.raises(ImageReadError, match="floating-point"):
        read_image(save(tmp_path / "x.dcm", ds))


def test_a_video_is_not_decoded(tmp_path):
    ds = with_stream(dataset(noise(255, (7, 9, 3)), photometric="YBR_FULL"), b"\0" * 64, MPEG2MPML)
    with pytest.raises(ImageReadError, match=r"transfer syntax \(MPEG2 .* cannot be decoded"):
        read_image(save(tmp_path / "x.dcm", ds))


@pytest.mark.parametrize("syntax", [HTJ2KLossless, JPEGLSLossless], ids=lambda uid: uid.keyword)
def test_a_missing_decoder_names_the_transfer_syntax_and_the_command(tmp_path, syntax, monkeypatch):
    path = save(tmp_path / "x.dcm", with_stream(dataset(noise(255)), b"\0" * 64, syntax))
    monkeypatch.setattr(get_decoder(syntax), "_available", {})
    with pytest.raises(ImageReadError) as caught:
        read_image(path)
    assert syntax.name in str(caught.value)
    assert 'pip install "monai-mocoi[dicom]"' in str(caught.value)


def test_a_lack_of_memory_in_a_decoder_is_not_blamed_on_the_file(tmp_path, monkeypatch):
    ds = dataset(noise(255))
    compress(ds, RLELossless)
    path = save(tmp_path / "x.dcm", ds)
    read_image(path)

    def lacking(*_, **__):
        raise MemoryError

    monkeypatch.setattr(get_decoder(RLELossless), "as_array", lacking)
    with pytest.raises(MemoryError):
        read_image(path)


def test_a_constant_picture_is_a_bad_image(tmp_path):
    with pytest.raises(ConstantImageError, match="same value, so it shows nothing"):
        read_image(write(tmp_path / "x.dcm", np.full((3, 4), 51, np.uint8)))


@pytest.mark.parametrize(
    "fields",
    [
        {"WindowCenter": -500, "WindowWidth": 100},
        {"WindowCenter": 5000, "WindowWidth": 100, "VOILUTFunction": "LINEAR_EXACT"},
        {"VOILUTSequence": [lut([7, 7], 0, 8)]},
        {"ModalityLUTSequence": [lut([7, 7], 0, 8)]},
    ],
)
def test_what_the_header_makes_constant_is_a_bad_image_that_names_it(tmp_path, fields):
    with pytest.raises(ConstantImageError, match="of the DICOM header maps all values to one"):
        read_image(write(tmp_path / "x.dcm", noise(4095, dtype=np.uint16), 12, **fields))


# --- what viewers pass over


@pytest.mark.parametrize(
    "fields",
    [
        {"WindowCenter": 0, "WindowWidth": 0},
        {"WindowCenter": 100, "WindowWidth": 0.5},
        {"WindowCenter": 100, "WindowWidth": -4, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 100, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 100},
        {"WindowWidth": 100},
        {"WindowCenter": 100, "WindowWidth": 3, "VOILUTFunction": "CURVE"},
        {"VOILUTSequence": [Dataset()]},
        {"ModalityLUTSequence": [Dataset()]},
    ],
)
def test_a_window_or_lut_that_cannot_be_used_is_ignored_and_noted(tmp_path, fields):
    pixels = noise(255)
    notes = set()
    image = read_image(write(tmp_path / "x.dcm", pixels, **fields), notes=notes)
    np.testing.assert_array_equal(image[0], pixels / np.float32(255))
    assert notes == {dicom_display.WINDOW_IGNORED}
    with collected_notes() as collected:
        ReadImage()(tmp_path / "x.dcm")
    assert collected == notes
    ReadImage()(tmp_path / "x.dcm")  # outside nobody collects


def test_a_lut_that_cannot_be_used_leaves_the_window(tmp_path):
    fields = {"VOILUTSequence": [Dataset()], "WindowCenter": 100, "WindowWidth": 50}
    with_both = read_image(write(tmp_path / "x.dcm", noise(255), **fields))
    fields.pop("VOILUTSequence")
    notes = set()
    np.testing.assert_array_equal(with_both, read_image(write(tmp_path / "y.dcm", noise(255), **fields), notes=notes))
    assert notes == set()


@pytest.mark.parametrize(
    ("fields", "slope", "intercept"), [({"RescaleSlope": 2}, 2, 0), ({"RescaleIntercept": 30}, 1, 30)]
)
def test_of_rescale_slope_and_intercept_the_missing_one_changes_nothing(tmp_path, fields, slope, intercept):
    pixels = noise(255)
    image = read_image(write(tmp_path / "x.dcm", pixels, WindowCenter=200, WindowWidth=101, **fields))
    expected = each(lambda x: naive_window(slope * x + intercept, 200, 101), pixels)
    np.testing.assert_allclose(image, expected, rtol=0, atol=1e-7)


def test_the_photometric_interpretation_may_be_in_small_letters(tmp_path):
    pixels = noise(255)
    image = read_image(write(tmp_path / "x.dcm", pixels, photometric="monochrome1"))
    np.testing.assert_array_equal(image[0], (255 - pixels) / np.float32(255))


def test_jpeg_baseline_in_16_bits_allocated(tmp_path):
    ds = jpeg_dataset(noise(255))
    expected = read_image(save(tmp_path / "8.dcm", ds))
    ds.BitsAllocated = 16
    np.testing.assert_array_equal(read_image(save(tmp_path / "16.dcm", ds)), expected)
    ds.BitsStored, ds.HighBit = 12, 11
    with pytest.raises(ImageReadError, match="BitsStored is 12, but JPEG Baseline has 8 bits"):
        read_image(save(tmp_path / "12.dcm", ds))


# --- bits above those stored, from a decoder


@pytest.mark.parametrize("coding", ["jpeg2000", "jpegls", "rle"])
def test_an_overlay_in_the_unused_bits_of_a_lossless_file_is_no_part_of_the_value(tmp_path, coding):
    pixels = noise(4095, (16, 16), dtype=np.uint16)
    overlaid = pixels | (noise(1, (16, 16), dtype=np.uint16, seed=1) << 12) | 0x8000
    if coding == "jpeg2000":
        ds = jpeg2000_dataset(overlaid)
    else:
        ds = compress(dataset(overlaid), JPEGLSLossless if coding == "jpegls" else RLELossless)
    ds.BitsStored, ds.HighBit = 12, 11
    np.testing.assert_array_equal(read_image(save(tmp_path / "x.dcm", ds))[0], (pixels / 4095).astype(np.float32))


@pytest.mark.parametrize(("dtype", "low", "high"), [(np.uint16, 0, 4095), (np.int16, -2048, 2047)])
def test_values_beyond_bits_stored_are_sign_extended_or_clipped(dtype, low, high):
    pixels = np.array([[[low], [high], [high + 1], [high + 300], [low + 5]]]).astype(dtype)
    ds = dataset(pixels[..., 0], 12, syntax=ExplicitVRLittleEndian)
    ds.file_meta.TransferSyntaxUID = JPEGLSLossless
    kept = dicom._within_bits_stored(pixels, ds).ravel()
    assert kept.tolist() == [low, high, low, low + 299, low + 5]
    ds.file_meta.TransferSyntaxUID = JPEG2000
    clipped = dicom._within_bits_stored(pixels, ds).ravel()
    assert clipped.tolist() == [low, high, high, high, low + 5]


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("coding", ["jpeg", "jpeg2000", "jpegls", "rle"])
def test_a_stream_cut_short_is_never_half_a_picture(tmp_path, coding, fraction):
    pixels = noise(255, (64, 64))
    if coding == "jpeg":
        ds, syntax = dataset(pixels), JPEGBaseline8Bit
        stream = jpeg(pixels)
    elif coding == "jpeg2000":
        ds = jpeg2000_dataset(pixels)
        syntax = ds.file_meta.TransferSyntaxUID
        stream = ds.PixelData[16:]
    else:
        ds, syntax = dataset(pixels), JPEGLSLossless if coding == "jpegls" else RLELossless
        compress(ds, syntax)
        stream = ds.PixelData[16:]
    with_stream(ds, stream[: int(len(stream) * fraction)], syntax)
    with pytest.raises(ImageReadError, match="damaged or cut short"):
        read_image(save(tmp_path / "x.dcm", ds))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_a_file_cut_short_is_an_error(tmp_path, syntax):
    ds = dataset(noise(255, (32, 32)))
    if syntax.is_encapsulated:
        compress(ds, syntax)
    whole = save(tmp_path / "x.dcm", ds).read_bytes()
    for length in (140, 300, len(whole) // 2, len(whole) - 100):
        (tmp_path / "y.dcm").write_bytes(whole[:length])
        with pytest.raises(ImageReadError):
            read_image(tmp_path / "y.dcm")


def test_a_deflated_file_that_grows_without_bound_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "x.dcm", np.eye(300, dtype=np.uint8), syntax=DeflatedExplicitVRLittleEndian)
    assert read_image(path).shape == (1, 300, 300)
    monkeypatch.setattr(dicom_header, "_MAX_INFLATED", 10_000)
    with pytest.raises(ImageReadError, match="beyond the limit of 10000 bytes"):
        read_image(path)


def test_no_text_of_the_header_reaches_error_warning_or_log(tmp_path, caplog, recwarn):
    ds = dataset(noise(255))
    ds.PatientBirthDate = "19010203"
    raw = bytearray(save(tmp_path / "x.dcm", ds).read_bytes())
    # An impossible date that holds a name, and a slope that is a name: pydicom quotes such values.
    at = raw.index(b"19010203")
    raw[at : at + 8] = b"SCHMIDT_"
    (tmp_path / "x.dcm").write_bytes(bytes(raw))
    with caplog.at_level(logging.DEBUG):
        assert read_image(tmp_path / "x.dcm").shape == (1, 7, 9)
    ds.add_new("RescaleSlope", "DS", "123456")
    raw = save(tmp_path / "y.dcm", ds).read_bytes().replace(b"123456", b"SCHMID")
    (tmp_path / "y.dcm").write_bytes(raw)
    with caplog.at_level(logging.DEBUG), pytest.raises(ImageReadError, match="RescaleSlope is not a number") as caught:
        read_image(tmp_path / "y.dcm")
    said = str(caught.value) + repr(caught.value.__context__) * (not caught.value.__suppress_context__)
    said += caplog.text + "".join(str(warning.message) for warning in recwarn)
    assert "SCHMID" not in said
    assert PATIENT not in said
    # And pydicom would have told: the test can fail.
    with pytest.raises(ValueError, match="SCHMID"):
        float(dcmread(io.BytesIO(raw)).RescaleSlope)
