"""DICOM pictures to float32 (C, rows, columns) in 0..1, through the grey-scale or colour chain of PS3.3 and PS3.4 N.2.

Decoding is pydicom's. Look-up tables and windows are computed here, for every value that a pixel can take, and the
pixels are then looked up in that table: this is exact, and quicker than arithmetic on each pixel. pydicom's own
functions are not used for it because (up to 3.0.2) they hold a LUT's index in the type of its output or of the pixels,
so that 12-bit pixels wrap around in a LUT of 8-bit entries.
"""

from __future__ import annotations

import math
import zlib
from typing import BinaryIO, NamedTuple

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset, read_preamble
from pydicom.multival import MultiValue
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.image_errors import check_not_constant, check_size, guarded
from monai_mocoi.transforms.jpeg_plugin import TooLittleMemoryError, jpeg_decoders

_INSTALL = 'pip install "monai-mocoi[dicom]"'
# In this order. Not GDCM, which some damaged files make end the process.
_DECODERS = ("pyjpegls", "pylibjpeg", "pillow", "pydicom")
_JPEG = jpeg_decoders()
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_MEND = "export the file again, or correct its header with a DICOM tool"
_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K)

WINDOW_IGNORED = "a window or look-up table of the DICOM header cannot be used and was ignored"
"""A note of :func:`read_dicom`."""

# A few kB of deflated zeros can grow to terabytes.
_MAX_INFLATED = 2**31


def read_dicom(file: BinaryIO, frame: int | None = None, notes: set[str] | None = None) -> np.ndarray:
    """Read one picture from a DICOM file.

    Grey (MONOCHROME1 and 2): the modality LUT or rescale, then the first VOI LUT, else the first window (its VOI LUT
    function honoured), then 0..1, then 1 - x for MONOCHROME1. 0..1 is the output range of the window or, by its bit
    depth, of the VOI LUT; without either, the range that the modality step gives to the values of Bits Stored.
    Colour: PALETTE COLOR through its table, by the table's bit depth; RGB and YBR as RGB, by Bits Stored; no window.

    As viewers do, a window that cannot be used (a width of 0, a number missing, an unknown function) and a LUT without
    the three numbers of its descriptor are ignored, and of Rescale Slope and Intercept a missing one is 1 or 0. Bits
    above those stored are no part of a value (PS3.5 8.1.1); what a lossy coder gives beyond their range is clipped.

    Overlays are not burnt in; padding values are pixels like any others; Presentation LUT Shape, ICC profile and pixel
    aspect ratio are not applied.

    Args:
        file: opened for reading in binary mode, at its start; left open.
        frame: index of the frame, from 0; ``None``: the file must hold one frame only.
        notes: :data:`WINDOW_IGNORED` is added where it was; ``None``: nobody wants to know.

    Returns:
        float32 array (1 or 3, rows, columns) in 0..1, contiguous.

    Raises:
        ImageReadError: not a picture, damaged, several frames, a missing decoder, a LUT that makes no sense.
        ConstantImageError: the window or LUT makes all pixels alike.

    References:
        DICOM PS3.3 C.7.6.3 (Image Pixel), C.11.1 (Modality LUT), C.11.2 (VOI LUT), C.7.9 (Palette Color LUT).
    """
    with guarded("the DICOM header is damaged or cut short"):
        ds = _header(file)
        frame = _frame(ds, frame)
    with guarded("the DICOM pixel data are damaged or cut short"):
        pixels, photometric = _decode(ds, frame)
        pixels = _within_bits_stored(pixels, ds)
    with guarded("the DICOM header's display values (LUT, window, palette) are damaged"):
        notes = set() if notes is None else notes
        image = np.ascontiguousarray(_shown(pixels, photometric, ds, frame, notes).transpose(2, 0, 1))
        if pixels.min() != pixels.max():
            check_not_constant(image, "the window, rescale or look-up table of the DICOM header maps all values to one")
        return image


def check_inflated_size(file: BinaryIO) -> None:
    """Refuse a deflated file that would fill the memory; the file is left at any place.

    Args:
        file: a DICOM file, opened for reading in binary mode, at its start.

    Raises:
        ImageReadError: it grows beyond the limit.
    """
    read_preamble(file, force=True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        inflater.decompress(file.read(), _MAX_INFLATED)
        if inflater.unconsumed_tail:
            raise ImageReadError(f"the deflated DICOM file grows beyond the limit of {_MAX_INFLATED} bytes")


def check_dicom_size(rows: int, columns: int) -> None:
    """Refuse what is no size of a picture, or of one that is too large.

    Raises:
        ImageReadError: it is; a number that no field for a size can hold (PS3.5: VR US) is not repeated.
    """
    if max(rows, columns) >= 2**16 or min(rows, columns) < 0:
        raise ImageReadError(f"DICOM Rows or Columns is no number from 1 to 65535; {_MEND}")
    check_size(rows, columns)


def _header(file: BinaryIO) -> Dataset:
    """Read the data set and check what can be checked before decoding."""
    check_inflated_size(file)
    file.seek(0)
    ds = dcmread(file, force=True)

    if "PixelData" not in ds:
        if "FloatPixelData" in ds or "DoubleFloatPixelData" in ds:
            raise ImageReadError("the DICOM file holds floating-point pixels (a parametric map), which are no picture")
        if "SOPClassUID" not in ds and "Rows" not in ds:
            raise ImageReadError(
                "the file is a damaged or cut short DICOM file, or none at all; copy or download it again"
            )
        raise ImageReadError(
            "the DICOM file holds no pixel data: it is cut short, or no picture (a report, a presentation state?)"
        )
    if not ds.file_meta.get("TransferSyntaxUID"):
        raise ImageReadError(
            "the DICOM file names no transfer syntax (0002,0010), so its pixels cannot be decoded with certainty; "
            "export it again, or rewrite it with a DICOM tool that adds the file meta information"
        )
    if ds.file_meta.TransferSyntaxUID.is_encapsulated and _integer(ds, "BitsAllocated") == 1:
        raise ImageReadError(
            "the DICOM file holds compressed 1-bit pixels (a segmentation?), which no decoder reads; "
            "convert it to an uncompressed transfer syntax"
        )
    check_dicom_size(_integer(ds, "Rows"), _integer(ds, "Columns"))
    _check_pixel_module(ds)
    stored, high = _integer(ds, "BitsStored"), _number(ds, "HighBit")
    if high is not None and high != stored - 1:
        raise ImageReadError(
            f"DICOM High Bit is {_said(high)} with {_said(stored)} Bits Stored; PS3.5 8.1.1 allows one less only. "
            "Rewrite the file with a DICOM tool"
        )
    return ds


def _check_pixel_module(ds: Dataset) -> None:
    """Check what pydicom's decoders ask of the header, and put right what can be meant in one way only."""
    photometric = _text(ds, "PhotometricInterpretation")
    if not photometric:
        raise ImageReadError(f"DICOM PhotometricInterpretation is missing; {_MEND}")
    ds.PhotometricInterpretation = photometric.upper()
    allocated, stored = _integer(ds, "BitsAllocated"), _integer(ds, "BitsStored")
    syntax = ds.file_meta.TransferSyntaxUID
    if allocated > 8 and (syntax == JPEGBaseline8Bit or (syntax == JPEGExtended12Bit and stored <= 8)):
        if stored > 8:
            raise ImageReadError(
                f"DICOM BitsStored is {_said(stored)}, but JPEG Baseline has 8 bits, so black and white are not known; "
                + _MEND
            )
        ds.BitsAllocated = allocated = 8
    allowed: tuple[tuple[str, int, tuple[int, ...]], ...] = (
        ("SamplesPerPixel", _integer(ds, "SamplesPerPixel"), (1, 3)),
        ("PixelRepresentation", _integer(ds, "PixelRepresentation"), (0, 1)),
        ("BitsAllocated", allocated, (1, 8, 16, 32)),
    )
    if ds.SamplesPerPixel == 3:
        allowed += (("PlanarConfiguration", _integer(ds, "PlanarConfiguration"), (0, 1)),)
    for keyword, value, choices in allowed:
        if value not in choices:
            must = " or ".join(map(str, choices))
            raise ImageReadError(f"DICOM {keyword} is {_said(value)}, but must be {must}; {_MEND}")
    if not 1 <= stored <= allocated:
        raise ImageReadError(
            f"DICOM BitsStored is {_said(stored)}, but must be 1 to BitsAllocated, {allocated}; {_MEND}"
        )


def _frame(ds: Dataset, frame: int | None) -> int:
    frames = int(_number(ds, "NumberOfFrames") or 1)
    if frame is None and frames != 1:
        raise ImageReadError(
            f"the DICOM file holds {_said(frames)} frames, not one picture; choose one with `frame`, from 0"
        )
    if frame is not None and not 0 <= frame < frames:
        raise ImageReadError(f"frame {frame} was asked for, but the file holds {_said(frames)}; the first is 0")
    return frame or 0


def _decode(ds: Dataset, frame: int) -> tuple[np.ndarray, str]:
    """Decode one frame: (rows, columns, samples), and its photometric interpretation after YBR has become RGB."""
    syntax = ds.file_meta.TransferSyntaxUID
    # A UID of the standard has a name; the text of any other could be anything.
    name = syntax.name if syntax.name != str(syntax) else "an unregistered one"
    own = _JPEG.get(str(syntax))
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        if own is None:
            raise ImageReadError(
                f"the DICOM transfer syntax ({name}) cannot be decoded; convert the file to an uncompressed one"
            ) from None
        decoder = own
    if not syntax.is_encapsulated:
        pixels, info = decoder.as_array(ds, index=frame)
        return _with_samples(pixels), str(info["photometric_interpretation"])

    # One decoder's limits are not another's, for instance colour above 8 bits in JPEG 2000: each is tried.
    ways = [(decoder, plugin) for plugin in _DECODERS if plugin in decoder.available_plugins]
    if own is not None and own.is_available:
        ways.append((own, "imagecodecs"))
    elif not ways or (syntax == JPEGExtended12Bit and _integer(ds, "BitsStored") > 8):
        raise ImageReadError(f"no decoder for the DICOM transfer syntax {name} is installed; run {_INSTALL}")
    for way, plugin in ways:
        try:
            pixels, info = way.as_array(ds, index=frame, decoding_plugin=plugin)
            return _with_samples(pixels), str(info["photometric_interpretation"])
        except MemoryError:
            raise  # says nothing about the file
        except TooLittleMemoryError:
            raise MemoryError("there is too little memory to decode the pixel data") from None
        except Exception:
            continue
    hint = f", or need a decoder that {_INSTALL} brings" if syntax in JPEG2000TransferSyntaxes else ""
    raise ImageReadError(f"the DICOM pixel data (transfer syntax {name}) are damaged or cut short{hint}")


def _with_samples(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(*pixels.shape[:2], -1)


def _within_bits_stored(pixels: np.ndarray, ds: Dataset) -> np.ndarray:
    """Bring values to the range of Bits Stored, where a decoder gives more bits than these."""
    low, high = _stored_range(ds)
    if pixels.min() >= low and pixels.max() <= high:
        return pixels
    if ds.file_meta.TransferSyntaxUID in _LOSSY:
        return np.clip(pixels.astype(np.int64), low, high)  # the ringing of a lossy coder: white stays white
    # Unused bits are not part of the value (PS3.5 8.1.1); an overlay may stand in them.
    return (pixels.astype(np.int64) - low) % (high - low + 1) + low


def _shown(pixels: np.ndarray, photometric: str, ds: Dataset, frame: int, notes: set[str]) -> np.ndarray:
    """The picture as it is meant to be seen: (rows, columns, 1 or 3), float32, 0..1."""
    low, high = _stored_range(ds)
    samples = 1 if photometric in (*_MONOCHROME, "PALETTE COLOR") else 3
    if pixels.shape[-1] != samples or (samples == 3 and photometric != "RGB"):
        raise ImageReadError(
            "the DICOM photometric interpretation (0028,0004) is not one of MONOCHROME1, MONOCHROME2, PALETTE COLOR, "
            "RGB and YBR, or does not fit the samples per pixel"
        )
    # A table of all values is small up to 16 bits; beyond, the values that occur are computed one by one.
    tabled = high - low < 2**16
    levels = np.arange(low, high + 1, dtype=np.float64) if tabled else pixels.astype(np.float64)
    if photometric in _MONOCHROME:
        shades = _grey(levels, low, high, ds, frame, notes)
        shades = 1 - shades if photometric == "MONOCHROME1" else shades
    elif photometric == "PALETTE COLOR":
        shades = _palette(levels, ds)
    elif low < 0:
        raise ImageReadError("the DICOM file holds signed colour values, which DICOM does not define")
    else:
        shades = levels / high
    shades = shades.astype(np.float32)
    if not tabled:
        return shades.reshape(*pixels.shape[:2], -1)
    picture = shades[pixels.astype(np.intp) - low]
    return picture.reshape(*pixels.shape[:2], -1)


def _grey(levels: np.ndarray, low: float, high: float, ds: Dataset, frame: int, notes: set[str]) -> np.ndarray:
    """Stored values through modality and VOI transform to 0..1, before MONOCHROME1 is turned round; float64."""
    modality = _module(ds, frame, "PixelValueTransformationSequence")
    lut = _first_lut(ds, "ModalityLUTSequence", ds, high, notes)
    if lut is not None:
        values, low, high = lut(levels), 0, 2**lut.bits - 1
    else:
        slope, intercept = _number(modality, "RescaleSlope"), _number(modality, "RescaleIntercept")
        if slope == 0:
            raise ImageReadError(
                "DICOM Rescale Slope (0028,1053) is 0, which makes all values alike; correct the header"
            )
        slope, intercept = slope or 1.0, intercept or 0.0
        values = levels * slope + intercept
        low, high = sorted((low * slope + intercept, high * slope + intercept))
        # Beyond what float64 holds all pixels would come out alike: a picture without a word of what went wrong.
        if not 0 < high - low < math.inf:
            raise ImageReadError(
                "DICOM Rescale Slope and Intercept (0028,1053; 0028,1052) give values whose range is too wide, or too "
                "narrow for their size, to be computed with; correct the header"
            )

    voi = _module(ds, frame, "FrameVOILUTSequence")
    lut = _first_lut(voi, "VOILUTSequence", ds, high, notes)
    if lut is not None:
        return lut(values) / (2**lut.bits - 1)
    window = _usable_window(voi, notes)
    return (values - low) / (high - low) if window is None else _window(values, *window)


def _first_lut(module: Dataset, sequence: str, ds: Dataset, high: float, notes: set[str]) -> _LookUpTable | None:
    """The first LUT of a sequence; None where there is none, or none whose descriptor tells how to read it."""
    if not module.get(sequence):
        return None
    item = module[sequence][0]
    descriptor = item.get("LUTDescriptor")
    if not isinstance(descriptor, MultiValue | list) or len(descriptor) != 3:
        notes.add(WINDOW_IGNORED)
        return None
    return _lut(item, "LUT", ds, high)


def _usable_window(voi: Dataset, notes: set[str]) -> tuple[float, float, str] | None:
    """Centre, width and function of the first window; None where there is none, or none that can be used."""
    if voi.get("WindowCenter") in (None, "") and voi.get("WindowWidth") in (None, ""):
        return None
    try:
        center, width = _number(voi, "WindowCenter"), _number(voi, "WindowWidth")
    except ImageReadError:
        center = width = None
    function = (_text(voi, "VOILUTFunction") or "LINEAR").upper()
    least = {"LINEAR": 1.0, "LINEAR_EXACT": math.ulp(0.0), "SIGMOID": math.ulp(0.0)}.get(function, math.inf)
    if center is None or width is None or width < least:
        notes.add(WINDOW_IGNORED)
        return None
    return center, width, function


def _window(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """A window, for an output range of 0..1 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    if function == "SIGMOID":
        # Clipped where exp would overflow; the result is 0 there in any case.
        return 1 / (1 + np.exp(np.minimum(-4 * (values - center) / width, 700)))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width == 0:
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0, 1)


def _palette(levels: np.ndarray, ds: Dataset) -> np.ndarray:
    """Stored values to (..., 3) colours in 0..1."""
    colours = []
    for colour in ("Red", "Green", "Blue"):
        lut = _lut(ds, f"{colour}PaletteColorLookupTable", ds, float(levels.max()))
        colours.append(lut(levels) / (2**lut.bits - 1))
    return np.stack(colours, axis=-1)


class _LookUpTable(NamedTuple):
    entries: np.ndarray
    first: int  # the input value of the first entry
    bits: int  # of an entry

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Look up; values outside the table take its first or last entry (PS3.3 C.11.1.1.1)."""
        index = np.clip(np.floor(values - self.first), 0, len(self.entries) - 1)
        return self.entries[index.astype(np.intp)].astype(np.float64)


def _lut(item: Dataset, prefix: str, ds: Dataset, high: float) -> _LookUpTable:
    """A LUT of a sequence's item, or one of the three of a palette; ``high`` is the highest possible input."""
    descriptor = item.get(f"{prefix}Descriptor")
    if not isinstance(descriptor, MultiValue | list) or len(descriptor) != 3:
        raise ImageReadError("a DICOM LUT Descriptor does not hold its three numbers")
    # Read as signed or unsigned as the file's VR says or, in implicit VR, as pydicom supposes. A number of entries is
    # unsigned (0 stands for 65,536), and a table that began beyond the highest input would be no table.
    count, first, bits = int(descriptor[0]) % 2**16 or 2**16, int(descriptor[1]), int(descriptor[2])
    if first > high:
        first -= 2**16
    if not 8 <= bits <= 16:
        raise ImageReadError(f"a DICOM LUT has entries of {_said(bits)} bits; 8 to 16 are defined")

    data = item.get(f"{prefix}Data")
    if data is None and f"Segmented{prefix}Data" in item:
        entries = _segmented(item, prefix, count, bits)
    elif isinstance(data, bytes):
        order = "<" if ds.original_encoding[1] else ">"
        wide = len(data) >= 2 * count
        entries = np.frombuffer(data, dtype=f"{order}u2" if wide else "u1")
    else:
        entries = np.atleast_1d(np.asarray(data, dtype=np.int64)) % 2**16
    if len(entries) < count:
        raise ImageReadError("a DICOM LUT has fewer entries than its descriptor names")
    entries = entries[:count]
    if entries.max() >= 2**bits:
        raise ImageReadError(f"a DICOM LUT holds entries above {2**bits - 1}, the most that its {bits} bits allow")
    return _LookUpTable(entries, first, bits)


def _segmented(item: Dataset, prefix: str, count: int, bits: int) -> np.ndarray:
    """One colour of a segmented palette (PS3.3 C.7.9.2), unrolled by pydicom: the table is what 0, 1, 2... give."""
    if bits == 8 and count > 2**8:
        raise ImageReadError(
            "a segmented DICOM palette of more than 256 entries of 8 bits is not read; convert the file to RGB"
        )
    first = int(item.RedPaletteColorLookupTableDescriptor[1])
    table = apply_color_lut(np.arange(first, first + count), item)
    return table[:, ("Red", "Green", "Blue").index(prefix.removesuffix("PaletteColorLookupTable"))]


def _said(number: float) -> str:
    """A number of the header as errors may tell it: a larger one could be a date or an id in a wrong place."""
    return f"{number:.0f}" if 0 <= number < 256 else "another number"


def _stored_range(ds: Dataset) -> tuple[int, int]:
    bits = _integer(ds, "BitsStored")
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if _integer(ds, "PixelRepresentation") else (0, 2**bits - 1)


def _module(ds: Dataset, frame: int, macro: str) -> Dataset:
    """Where a module's fields are: in a functional group of the frame or of all (enhanced objects), or in ``ds``."""
    groups = list(ds.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    groups += list(ds.get("SharedFunctionalGroupsSequence") or [])[:1]
    return next((group[macro][0] for group in groups if group.get(macro)), ds)


def _text(ds: Dataset, keyword: str) -> str:
    """The first text of a field; empty where it is missing or empty."""
    value = ds.get(keyword)
    if isinstance(value, MultiValue | list):
        value = value[0] if value else None
    return "" if value is None else str(value).strip()


def _number(ds: Dataset, keyword: str) -> float | None:
    """The first number of a field; ``None`` where it is missing or empty."""
    trouble = f"DICOM {keyword} is not a number"
    with guarded(trouble):
        value = ds.get(keyword)
        if isinstance(value, MultiValue | list):
            value = value[0] if value else None
        if value is None or value == "":
            return None
        number = float(value)
    if not math.isfinite(number):
        raise ImageReadError(trouble)
    return number


def _integer(ds: Dataset, keyword: str) -> int:
    number = _number(ds, keyword)
    if number is None:
        raise ImageReadError(f"DICOM {keyword} is missing; without it the pixels cannot be read: {_MEND}")
    return int(number)
