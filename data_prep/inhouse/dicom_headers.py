"""What an export's DICOM headers say, each read once and without its pixels; damage in one field spoils no other."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date, datetime
from typing import BinaryIO

from pydicom import Dataset, dcmread
from pydicom.multival import MultiValue
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from monai_mocoi.data.ages import as_numbers
from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.dicom_header import check_dicom_size, check_inflated_size
from monai_mocoi.transforms.image_errors import guarded

NO_PIXELS = "no picture in it (a report, a presentation state, or cut short)"
NO_SYNTAX = "names no transfer syntax (0002,0010), so its pixels cannot be decoded with certainty"
NO_SUCH_FRAMES = "declares more frames than its bytes can hold"

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "AccessionNumber",
    "PatientID",
    "PatientName",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "OperatorsName",
    "PatientSex",
    "PatientAge",
    "PatientBirthDate",
    "StudyDate",
    "AcquisitionDate",
    "ContentDate",
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "ViewCodeSequence",
    "ImageType",
    "BurnedInAnnotation",
    "Manufacturer",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
]
_NAMES = [keyword for keyword in _TAGS if keyword.endswith("Name") or keyword.startswith("NameOf")]
_VIEW_CODES = {
    "antero-posterior": "AP",
    "postero-anterior": "PA",
    "left lateral": "LL",
    "right lateral": "RL",
    "lateral": "LATERAL",
}
"""Code Meaning of PS3.16 CID 4010, for devices that leave View Position empty, and the value that it has there."""
_UNCOMPRESSED = frozenset({ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian})
_SMALLEST_FRAME = 8
"""Bytes that a frame of compressed pixels has at least: the header of its item."""


@dataclass(frozen=True, slots=True)
class DicomHeader:
    """The header of one file. Texts are without blanks around them, "" where a field is missing or cannot be read.

    Attributes:
        patient, accession, study, series, sop: PatientID, AccessionNumber, and the UIDs of study, series and instance.
            They identify somebody and go nowhere but to the private folder.
        names: those of the patient, the physicians and the operators, to know them in a table; they go nowhere.
        sop_class: UID of the kind of object.
        modality, body_part, view: in capitals; the view from View Code Sequence where View Position is empty.
        image_type: its values in capitals, such as ``("ORIGINAL", "PRIMARY")``.
        burned_in: BurnedInAnnotation in capitals: "YES", "NO" or "".
        manufacturer: as it is written: free text.
        sex: PatientSex in capitals.
        age: in years: PatientAge, else from the dates of birth and study; None where neither tells.
        date: of the study, else of the picture; None where it is not known.
        rows, columns: of the picture; 0 where there is none.
        frames, samples, bits: number of frames, SamplesPerPixel, BitsAllocated.
        transfer_syntax: its UID.
    """

    patient: str = ""
    accession: str = ""
    study: str = ""
    series: str = ""
    sop: str = ""
    names: str = ""
    sop_class: str = ""
    modality: str = ""
    body_part: str = ""
    view: str = ""
    image_type: tuple[str, ...] = ()
    burned_in: str = ""
    manufacturer: str = ""
    sex: str = ""
    age: float | None = None
    date: date | None = None
    rows: int = 0
    columns: int = 0
    frames: int = 1
    samples: int = 1
    bits: int = 0
    transfer_syntax: str = ""


def read_header(file: BinaryIO) -> DicomHeader:
    """Read the header of a DICOM file, with or without preamble and file meta information.

    Args:
        file: opened for reading in binary mode, at its start; left open.

    Raises:
        ImageReadError: no header can be read at all; without any text from the file.
        MemoryError: there is too little memory.
    """
    with guarded("the DICOM header is damaged or cut short"):
        check_inflated_size(file)
        file.seek(0)
        ds = dcmread(_Bounded(file), force=True, stop_before_pixels=True, specific_tags=list(_TAGS))
        meta = getattr(ds, "file_meta", None) or Dataset()
        studied, born = _date(ds, "StudyDate"), _date(ds, "PatientBirthDate")
        return DicomHeader(
            patient=_text(ds, "PatientID"),
            accession=_text(ds, "AccessionNumber"),
            study=_text(ds, "StudyInstanceUID"),
            series=_text(ds, "SeriesInstanceUID"),
            sop=_text(ds, "SOPInstanceUID"),
            names=_shared(" ".join(filter(None, (_text(ds, keyword) for keyword in _NAMES)))),
            sop_class=_shared(_text(ds, "SOPClassUID")),
            modality=_shared(_text(ds, "Modality").upper()),
            body_part=_shared(_text(ds, "BodyPartExamined").upper()),
            view=_shared(_text(ds, "ViewPosition").upper() or _coded_view(ds)),
            image_type=tuple(_shared(part.strip().upper()) for part in _text(ds, "ImageType").split("\\") if part),
            burned_in=_shared(_text(ds, "BurnedInAnnotation").upper()),
            manufacturer=_shared(_text(ds, "Manufacturer")),
            sex=_shared(_text(ds, "PatientSex").upper()),
            age=_age(_text(ds, "PatientAge"), born, studied),
            date=studied or _date(ds, "AcquisitionDate") or _date(ds, "ContentDate"),
            rows=_whole(ds, "Rows", 0),
            columns=_whole(ds, "Columns", 0),
            frames=_whole(ds, "NumberOfFrames", 1),
            samples=_whole(ds, "SamplesPerPixel", 1),
            bits=_whole(ds, "BitsAllocated", 0),
            transfer_syntax=_shared(_text(meta, "TransferSyntaxUID")),
        )


def picture_fault(header: DicomHeader, size: int) -> str | None:
    """Tell why a file cannot hold a picture that is read, as far as its header shows it.

    Args:
        header: of the file.
        size: of the file, in bytes.

    Returns:
        the reason, without any text from the file; None: it may be one.
    """
    if header.rows < 1 or header.columns < 1:
        return NO_PIXELS
    try:
        check_dicom_size(header.rows, header.columns)
    except ImageReadError as error:
        return str(error)
    if not header.transfer_syntax:
        return NO_SYNTAX
    # A number of frames is believed only as far as the file goes: each becomes an image of the list.
    if header.frames > 1:
        raw = header.rows * header.columns * header.samples * header.bits // 8
        # Half of it, for YBR_FULL_422 leaves out every second colour value.
        least = max(1, raw // 2) if header.transfer_syntax in _UNCOMPRESSED else _SMALLEST_FRAME
        if header.frames * least > size:
            return NO_SUCH_FRAMES
    return None


class _Bounded:
    """A file that is never asked for more bytes than it has: a field may claim to be 4 GB long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0, 2)
        self._size = file.tell()
        file.seek(0)
        self.tell, self.seek, self.close = file.tell, file.seek, file.close

    def read(self, size: int = -1) -> bytes:
        if size > 65536:
            size = min(size, self._size - self._file.tell())
        return self._file.read(size)


def _shared(text: str) -> str:
    # One copy of what thousands of headers repeat.
    return sys.intern(text)


def _text(ds: Dataset, keyword: str) -> str:
    """A field as text, several values with "\\" between them; empty where it is missing or cannot be read."""
    try:
        value = ds.get(keyword)
        if isinstance(value, MultiValue | list | tuple):
            return "\\".join(str(part).strip(" \0") for part in value)
        if isinstance(value, bytes):  # of a wrong VR
            value = value.decode("latin-1")
        return "" if value is None else str(value).strip(" \0\r\n\t")
    except Exception:  # whatever a damaged value leads pydicom to
        return ""


def _whole(ds: Dataset, keyword: str, default: int) -> int:
    """A field as a whole number, whatever its VR; the default where it is missing or no number."""
    try:
        return int(float(_text(ds, keyword).split("\\")[0]))
    except (ValueError, OverflowError):
        return default


def _date(ds: Dataset, keyword: str) -> date | None:
    """A date in the form of DICOM, or in the ISO form that wrong exports have."""
    digits = _text(ds, keyword).replace("-", "").replace(".", "")[:8]
    try:
        return datetime.strptime(digits, "%Y%m%d").date() if len(digits) == 8 else None
    except ValueError:
        return None


def _age(told: str, born: date | None, studied: date | None) -> float | None:
    if told:
        years = as_numbers("age", [told])
        if years is not None and years[0] == years[0]:
            return float(years[0])
    if born is None or studied is None or studied < born:
        return None
    years_lived = studied.year - born.year - ((studied.month, studied.day) < (born.month, born.day))
    return float(years_lived) if years_lived <= 120 else None


def _coded_view(ds: Dataset) -> str:
    try:
        sequence = ds.get("ViewCodeSequence")
        meaning = str(sequence[0].get("CodeMeaning", "")) if sequence else ""
    except Exception:
        return ""
    return _VIEW_CODES.get(meaning.strip().lower(), "")
