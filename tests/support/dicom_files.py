"""Small DICOM files as an archive would hand them over."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmwrite
from pydicom.config import disable_value_validation
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

CR = "1.2.840.10008.5.1.4.1.1.1"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"


def uid(*words: object) -> str:
    """A UID that is always the same for the same words."""
    return str(generate_uid(entropy_srcs=[repr(words)]))


def picture(seed: int, size: int = 32) -> np.ndarray:
    """A smooth picture (size, size) of 8 bits with dark corners, and no two alike."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    blob = np.exp(-3 * ((rows - random.uniform(-0.3, 0.3)) ** 2 + (columns - random.uniform(-0.3, 0.3)) ** 2))
    coarse = random.uniform(0, 0.4, (8, 8)).repeat(size // 8, 0).repeat(size // 8, 1)
    return np.uint8(255 * np.clip(blob * (0.6 + coarse), 0, 1))


def dataset(pixels: np.ndarray | None = None, *, frames: int = 1, rle: bool = False, **tags: Any) -> FileDataset:
    """A chest radiograph; ``tags`` by keyword replace what it says, and None takes a field out."""
    pixels = picture(0) if pixels is None else pixels
    meta = FileMetaDataset()
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    wide = pixels.dtype == np.uint16
    given: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CR,
        "SOPInstanceUID": uid("sop", pixels.tobytes()),
        "StudyInstanceUID": uid("study"),
        "SeriesInstanceUID": uid("series"),
        "PatientID": "MRN1",
        "PatientName": "Qvistgaard^Thaddeus",
        "AccessionNumber": "ACC1",
        "StudyDate": "20190304",
        "Modality": "CR",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "BurnedInAnnotation": "NO",
        "Manufacturer": "AGFA",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16 if wide else 8,
        "BitsStored": 16 if wide else 8,
        "HighBit": 15 if wide else 7,
        "PixelRepresentation": 0,
        "PixelData": pixels.tobytes() * frames,
    }
    if frames > 1:
        given["NumberOfFrames"] = frames
    with disable_value_validation():
        for keyword, value in {**given, **tags}.items():
            if value is not None:
                setattr(ds, keyword, value)
    meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CR)
    meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID") or uid("none")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if rle:
        ds.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    return ds


def content(ds: FileDataset) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    with disable_value_validation():
        dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def save(path: Path, pixels: np.ndarray | None = None, **options: Any) -> Path:
    """Write a file of :func:`dataset`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(dataset(pixels, **options)))
    return path
