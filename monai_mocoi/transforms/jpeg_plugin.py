"""The JPEG processes that pydicom's usual decoders cannot do, through imagecodecs: lossless, 12 bits, progressive.

The decoders here are this package's own, so that nothing of pydicom is changed for others.
"""

from importlib.util import find_spec
from typing import Any

import numpy as np
from pydicom.pixels.decoders.base import Decoder, DecodeRunner
from pydicom.uid import UID, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

_LOSSLESS, _HIERARCHICAL_OR_ARITHMETIC = 0xC3, range(0xC5, 0xD0)
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)  # tables and an extension
_SCAN, _END = b"\xff\xda", b"\xff\xd9"

DECODER_DEPENDENCIES: dict[UID, tuple[str, ...]] = {
    JPEGExtended12Bit: ("imagecodecs",),
    UID("1.2.840.10008.1.2.4.53"): ("imagecodecs",),  # processes 6 and 8: spectral selection (retired)
    UID("1.2.840.10008.1.2.4.55"): ("imagecodecs",),  # processes 10 and 12: full progression (retired)
    JPEGLossless: ("imagecodecs",),
    JPEGLosslessSV1: ("imagecodecs",),
}


class TooLittleMemoryError(BaseException):
    """A ``MemoryError`` of a decoder: pydicom would make a fault of the file of anything that is an ``Exception``."""


def is_available(uid: str) -> bool:
    """Whether a transfer syntax can be decoded here; asked by pydicom."""
    return uid in DECODER_DEPENDENCIES and find_spec("imagecodecs") is not None


def jpeg_decoders() -> dict[str, Decoder]:
    """A decoder for each transfer syntax, by its UID, whether or not imagecodecs is installed."""
    decoders = {}
    for uid in DECODER_DEPENDENCIES:
        decoders[str(uid)] = Decoder(uid)
        decoders[str(uid)].add_plugin("imagecodecs", (__name__, "decode_frame"))
    return decoders


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """Decode one frame, colour by pixel, for pydicom, whose ``runner`` knows the header and gets ``bits_allocated``."""
    try:
        return _decoded(src, runner)
    except MemoryError:
        raise TooLittleMemoryError from None


def _decoded(src: bytes, runner: DecodeRunner) -> bytes:
    import imagecodecs

    kind, precision, rows, columns, samples = _frame_header(src)
    if (rows, columns, samples) != (runner.rows, runner.columns, runner.samples_per_pixel):
        raise ValueError("the size of the JPEG stream is not that of the header")
    if kind == _LOSSLESS:
        pixels = imagecodecs.jpegsof3_decode(src)  # an error where the stream ends too early
    else:
        # libjpeg fills what is missing with grey and says nothing; the end mark cannot stand within coded data.
        if src.rfind(_END) < src.rfind(_SCAN):
            raise ValueError("the JPEG stream has no end mark")
        colours: dict[str, Any] = {}
        if samples == 3:
            colours = {"colorspace": "RGB", "outcolorspace": "RGB"}
            if "YBR" in runner.photometric_interpretation:
                colours["colorspace"] = "YCBCR"
                runner.set_option("photometric_interpretation", "RGB")
        pixels = imagecodecs.jpeg8_decode(src, **colours)
        if not runner.pixel_representation:
            pixels = np.minimum(pixels, 2**runner.bits_stored - 1)  # ringing: pydicom would cut off its upper bits
    if pixels.itemsize * 8 < precision or pixels.size != rows * columns * samples:
        raise ValueError("the JPEG stream gives other pixels than it announces")
    runner.set_option("bits_allocated", 8 * pixels.itemsize)
    if samples > 1:
        runner.set_option("planar_configuration", 0)
    return pixels.tobytes()


def _frame_header(src: bytes) -> tuple[int, int, int, int, int]:
    """A JPEG stream's kind (its frame's marker), bits of a sample, rows, columns and samples (ITU-T T.81 B.2.2)."""
    at = 2
    while at + 10 <= len(src) and src[at] == 0xFF:
        marker = src[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            if marker in _HIERARCHICAL_OR_ARITHMETIC:
                break
            rows, columns = int.from_bytes(src[at + 5 : at + 7], "big"), int.from_bytes(src[at + 7 : at + 9], "big")
            return marker, src[at + 4], rows, columns, src[at + 9]
        at += 1 if marker == 0xFF else 2 + int.from_bytes(src[at + 2 : at + 4], "big")
    raise ValueError("the JPEG stream has no frame that can be decoded")
