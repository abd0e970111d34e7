"""A drawn radiograph as a DICOM file, stored in any of the ways that real ones are.

Source: DICOM PS3.3, Computed Radiography Image IOD (A.2), Modality LUT (C.11.1), VOI LUT (C.11.2).
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid


@dataclass(frozen=True)
class Storage:
    """How grey values are stored; none of it changes the picture that DICOM's rules give."""

    inverted: bool  # MONOCHROME1 (the lowest value is shown white) instead of MONOCHROME2
    bits: int  # stored, 12 or 16, in 16 allocated
    window: bool  # the picture takes up a part of the stored range, and window centre and width say which
    rescale: bool  # stored values are not output units; needs ``window``, which then is in output units
    rle: bool  # RLE Lossless instead of uncompressed


@dataclass(frozen=True)
class RadiographIdentity:
    """Whose image it is, made up."""

    patient: str  # as p0001
    index: int  # of the image, from 0
    sex: str  # F or M, as drawn
    entropy: tuple[str, ...]  # texts that fix the UIDs


def sample_storage(rng: np.random.Generator) -> Storage:
    """Draw a way of storing."""
    inverted, deep, window, rescale, rle = (rng.random(5) < (0.4, 0.5, 0.6, 0.5, 0.3)).tolist()
    return Storage(inverted, 16 if deep else 12, window, window and rescale, rle)


def save_radiograph(
    path: str | Path, image: NDArray[np.float32], storage: Storage, identity: RadiographIdentity, spacing_mm: float
) -> None:
    """Write a Computed Radiography file; the same arguments give the same bytes.

    ``image`` is (rows, columns), 0 (black) .. 1 (white); ``spacing_mm`` is between pixels, at the detector.
    """
    top = 2**storage.bits - 1
    low, high = (round(0.1 * top), round(0.75 * top)) if storage.window else (0, top)
    shown = 1 - image if storage.inverted else image
    stored = np.round(low + shown.astype(np.float64) * (high - low)).astype("<u2")

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationVersionName = "MONAI_MOCOI"
    ds.SOPClassUID = ComputedRadiographyImageStorage
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(ds, name, generate_uid(entropy_srcs=[*identity.entropy, identity.patient, str(identity.index), name]))
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.Modality, ds.Manufacturer = "CR", "monai_mocoi"
    ds.PatientName, ds.PatientID = "PHANTOM", identity.patient
    ds.PatientBirthDate, ds.PatientSex = "", identity.sex
    ds.StudyDate = (datetime.date(2000, 1, 1) + datetime.timedelta(30 * identity.index)).strftime("%Y%m%d")
    ds.StudyTime = "120000"
    ds.StudyDescription = "Generated phantom, not a patient"
    ds.AccessionNumber = ds.StudyID = ds.ReferringPhysicianName = ""
    ds.SeriesNumber = ds.InstanceNumber = 1
    ds.BodyPartExamined, ds.ViewPosition = "CHEST", "PA"
    ds.PatientOrientation = ["L", "F"]
    ds.ImagerPixelSpacing = [round(spacing_mm, 6)] * 2
    ds.BurnedInAnnotation = "NO"

    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME1" if storage.inverted else "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, storage.bits, storage.bits - 1
    ds.PixelRepresentation = 0
    slope, intercept = (0.5, -100) if storage.rescale else (1, 0)
    if storage.rescale:
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = slope, intercept, "US"
    if storage.window:
        # LINEAR (C.11.2.1.2): black up to centre - 0.5 - (width - 1) / 2, white from centre - 0.5 + (width - 1) / 2.
        ds.WindowCenter = (low + high) / 2 * slope + intercept + 0.5
        ds.WindowWidth = (high - low) * slope + 1
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"
    if storage.rle:
        # pydicom's own encoder, whichever others are installed: the same bytes everywhere.
        ds.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)
