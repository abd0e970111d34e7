"""DICOM pictures to float32 (C, rows, columns) in 0..1, decoded by pydicom and shown as PS3.3 and PS3.4 N.2 say."""

from typing import Any, BinaryIO

import numpy as np
from pydicom import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.dicom_display import shown
from monai_mocoi.transforms.dicom_fields import integer_of, stored_range
from monai_mocoi.transforms.dicom_header import frame_of, read_header
from monai_mocoi.transforms.image_errors import check_not_constant, guarded, is_constant
from monai_mocoi.transforms.jpeg_plugin import TooLittleMemoryError, jpeg_decoders

_INSTALL = 'pip install "monai-mocoi[dicom]"'
# In this order. Not GDCM, which some damaged files make end the process.
_DECODERS = ("pyjpegls", "pylibjpeg", "pillow", "pydicom")
_JPEG = jpeg_decoders()
_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K)


def read_dicom(file: BinaryIO, frame: int | None = None, notes: set[str] | None = None) -> np.ndarray:
    """Read one picture from a DICOM file.

    Grey (MONOCHROME1 and 2): the modality LUT or rescale, then the first VOI LUT, else the first window (its VOI LUT
    function honoured), then 0..1, then 1 - x for MONOCHROME1. 0..1 is the output range of the window or, by its bit
    depth, of the VOI LUT; without either, the range that the modality step gives to the values of Bits Stored. Colour:
    PALETTE COLOR through its table, by the table's bit depth; RGB and YBR as RGB, by Bits Stored; no window.

    As viewers do, a window that cannot be used (a width of 0, a number missing, an unknown function) and a LUT without
    the three numbers of its descriptor are ignored, and of Rescale Slope and Intercept a missing one is 1 or 0. Bits
    above those stored are no part of a value (PS3.5 8.1.1); what a lossy coder gives beyond their range is clipped.
    Overlays are not burnt in; padding values are pixels like any others; Presentation LUT Shape, ICC profile and pixel
    aspect ratio are not applied.

    Modules of PS3.3: C.7.6.3 (Image Pixel), C.11.1 (Modality LUT), C.11.2 (VOI LUT), C.7.9 (Palette Color LUT). The
    file is opened in binary mode, at its start, and left open; ``frame``, ``notes``, result and errors are as for
    :func:`~monai_mocoi.transforms.read_image`.
    """
    with guarded("the DICOM header is damaged or cut short"):
        ds = read_header(file)
        frame = frame_of(ds, frame)
    with guarded("the DICOM pixel data are damaged or cut short"):
        pixels, photometric = _decode(ds, frame)
        pixels = _within_bits_stored(pixels, ds)
    with guarded("the DICOM header's display values (LUT, window, palette) are damaged"):
        notes = set() if notes is None else notes
        image = np.ascontiguousarray(shown(pixels, photometric, ds, frame, notes).transpose(2, 0, 1))
        if is_constant(image) and pixels.min() != pixels.max():
            check_not_constant(image, "the window, rescale or look-up table of the DICOM header maps all values to one")
        return image


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
        # Of one sample a pixel, pydicom need not copy the bytes: _within_bits_stored deals with unused bits.
        grey = integer_of(ds, "SamplesPerPixel") == 1
        options: Any = {"view_only": grey, "correct_unused_bits": not grey}
        pixels, info = decoder.as_array(ds, index=frame, **options)
        return _with_samples(pixels), str(info["photometric_interpretation"])

    # One decoder's limits are not another's, for instance colour above 8 bits in JPEG 2000: each is tried.
    ways = [(decoder, plugin) for plugin in _DECODERS if plugin in decoder.available_plugins]
    if own is not None and own.is_available:
        ways.append((own, "imagecodecs"))
    elif not ways or (syntax == JPEGExtended12Bit and integer_of(ds, "BitsStored") > 8):
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
    low, high = stored_range(ds)
    if pixels.min() >= low and pixels.max() <= high:
        return pixels
    if ds.file_meta.TransferSyntaxUID in _LOSSY:
        return np.clip(pixels.astype(np.int64), low, high)  # the ringing of a lossy coder: white stays white
    # Unused bits are not part of the value (PS3.5 8.1.1); an overlay may stand in them.
    return (pixels.astype(np.int64) - low) % (high - low + 1) + low
