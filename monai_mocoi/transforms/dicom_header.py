"""Header of a DICOM picture, read and checked before its pixels are decoded."""

import zlib
from typing import BinaryIO

from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, JPEGExtended12Bit

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.dicom_fields import MEND, integer_of, number_of, said, text_of
from monai_mocoi.transforms.image_errors import check_size

# A few kB of deflated zeros can grow to terabytes.
_MAX_INFLATED = 2**31


def check_inflated_size(file: BinaryIO) -> None:
    """Refuse a deflated file, at its start, that would fill the memory; it is left at any place."""
    read_preamble(file, force=True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        inflater.decompress(file.read(), _MAX_INFLATED)
        if inflater.unconsumed_tail:
            raise ImageReadError(f"the deflated DICOM file grows beyond the limit of {_MAX_INFLATED} bytes")


def check_dicom_size(rows: int, columns: int) -> None:
    """Refuse an empty or too large picture; a number that no field for a size can hold (VR US) is not repeated."""
    if max(rows, columns) >= 2**16 or min(rows, columns) < 0:
        raise ImageReadError(f"DICOM Rows or Columns is no number from 1 to 65535; {MEND}")
    check_size(rows, columns)


def read_header(file: BinaryIO) -> Dataset:
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
    if ds.file_meta.TransferSyntaxUID.is_encapsulated and integer_of(ds, "BitsAllocated") == 1:
        raise ImageReadError(
            "the DICOM file holds compressed 1-bit pixels (a segmentation?), which no decoder reads; "
            "convert it to an uncompressed transfer syntax"
        )
    check_dicom_size(integer_of(ds, "Rows"), integer_of(ds, "Columns"))
    _check_pixel_module(ds)
    stored, high = integer_of(ds, "BitsStored"), number_of(ds, "HighBit")
    if high is not None and high != stored - 1:
        raise ImageReadError(
            f"DICOM High Bit is {said(high)} with {said(stored)} Bits Stored; PS3.5 8.1.1 allows one less only. "
            "Rewrite the file with a DICOM tool"
        )
    return ds


def _check_pixel_module(ds: Dataset) -> None:
    """Check what pydicom's decoders ask of the header, and put right what can be meant in one way only."""
    photometric = text_of(ds, "PhotometricInterpretation")
    if not photometric:
        raise ImageReadError(f"DICOM PhotometricInterpretation is missing; {MEND}")
    ds.PhotometricInterpretation = photometric.upper()
    allocated, stored = integer_of(ds, "BitsAllocated"), integer_of(ds, "BitsStored")
    syntax = ds.file_meta.TransferSyntaxUID
    if allocated > 8 and (syntax == JPEGBaseline8Bit or (syntax == JPEGExtended12Bit and stored <= 8)):
        if stored > 8:
            raise ImageReadError(
                f"DICOM BitsStored is {said(stored)}, but JPEG Baseline has 8 bits, so black and white are not known; "
                + MEND
            )
        ds.BitsAllocated = allocated = 8
    allowed: tuple[tuple[str, int, tuple[int, ...]], ...] = (
        ("SamplesPerPixel", integer_of(ds, "SamplesPerPixel"), (1, 3)),
        ("PixelRepresentation", integer_of(ds, "PixelRepresentation"), (0, 1)),
        ("BitsAllocated", allocated, (1, 8, 16, 32)),
    )
    if ds.SamplesPerPixel == 3:
        allowed += (("PlanarConfiguration", integer_of(ds, "PlanarConfiguration"), (0, 1)),)
    for keyword, value, choices in allowed:
        if value not in choices:
            must = " or ".join(map(str, choices))
            raise ImageReadError(f"DICOM {keyword} is {said(value)}, but must be {must}; {MEND}")
    if not 1 <= stored <= allocated:
        raise ImageReadError(f"DICOM BitsStored is {said(stored)}, but must be 1 to BitsAllocated, {allocated}; {MEND}")


def frame_of(ds: Dataset, frame: int | None) -> int:
    """The index of the one frame that is read; an error where it is not told which."""
    frames = int(number_of(ds, "NumberOfFrames") or 1)
    shown = f"{frames}" if abs(frames) < 10_000 else "10,000 or more"  # an id in a wrong place would be long
    if frame is None and frames != 1:
        raise ImageReadError(f"the DICOM file holds {shown} frames, not one picture; choose one with `frame`, from 0")
    if frame is not None and not 0 <= frame < frames:
        raise ImageReadError(f"frame {frame} was asked for, but the file holds {shown}; the first is 0")
    return frame or 0
