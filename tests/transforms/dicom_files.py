"""DICOM files for the tests, made from nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

PATIENT = "Vorname^Geheim"


def dataset(
    pixels: np.ndarray,
    bits: int | None = None,
    photometric: str = "MONOCHROME2",
    syntax: UID = ExplicitVRLittleEndian,
    **fields: Any,
) -> Dataset:
    """A data set of (rows, columns) or (rows, columns, 3) pixels, with ``fields`` added or (``None``) removed."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["test"])
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID
    ds.PatientName = PATIENT
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    if pixels.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated = 8 * pixels.itemsize
    ds.BitsStored = bits or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    order = ">" if not syntax.is_little_endian else "<"
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    ds["PixelData"].VR = "OB" if pixels.itemsize == 1 and not syntax.is_implicit_VR else "OW"
    for keyword, value in fields.items():
        if value is None:
            del ds[keyword]
        else:
            setattr(ds, keyword, value)
    return ds


def write(path: Path, *args: Any, **fields: Any) -> Path:
    """Write the data set that ``dataset`` makes of the arguments."""
    return save(path, dataset(*args, **fields))


def save(path: Path, ds: Dataset) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


def with_stream(ds: Dataset, stream: bytes, syntax: UID) -> Dataset:
    """Replace the pixels by one compressed frame."""
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def compress(ds: Dataset, syntax: UID) -> Dataset:
    # The encoders by name, whatever others are installed.
    plugin = "pydicom" if syntax == RLELossless else "pyjpegls"
    ds.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    return ds


def jpeg(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue()


def jpeg_dataset(pixels: np.ndarray, photometric: str = "MONOCHROME2") -> Dataset:
    return with_stream(dataset(pixels, photometric=photometric), jpeg(pixels), JPEGBaseline8Bit)


def jpeg2000_dataset(pixels: np.ndarray, **fields: Any) -> Dataset:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    return with_stream(dataset(pixels, **fields), stream.getvalue(), JPEG2000Lossless)


def lut(entries: Any, first: int, bits: int, descriptor_vr: str = "US") -> Dataset:
    """An item of a modality or VOI LUT sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", descriptor_vr, [len(entries) % 2**16, first, bits])
    item.add_new("LUTData", "US", [int(entry) for entry in entries])
    return item


def palette(ds: Dataset, colours: np.ndarray, first: int = 0) -> Dataset:
    """Add a palette of (entries, 3) uint8 or uint16 colours."""
    for index, name in enumerate(("Red", "Green", "Blue")):
        data = np.ascontiguousarray(colours[:, index])
        order = "<" if ds.file_meta.TransferSyntaxUID.is_little_endian else ">"
        raw = data.astype(data.dtype.newbyteorder(order)).tobytes()
        descriptor = [len(colours) % 2**16, first, 8 * colours.itemsize]
        ds.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", descriptor)
        ds.add_new(f"{name}PaletteColorLookupTableData", "OW", raw + b"\0" * (len(raw) % 2))
    return ds
