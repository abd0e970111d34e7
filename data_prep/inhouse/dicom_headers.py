"""DICOM headers of an export, each read once and without its pixels; damage in one field spoils no other."""

import sys
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from data_prep.inhouse.bands import age_of
from monai_mocoi.transforms.image_errors import guarded

if TYPE_CHECKING:
    from pydicom import Dataset

_VIEW_CODES = {  # Code Meaning of PS3.16 CID 4010, where View Position is empty -> the value that it has there
    "antero-posterior": "AP",
    "postero-anterior": "PA",
    "left lateral": "LL",
    "right lateral": "RL",
    "lateral": "LATERAL",
}


class BoundedFile:
    """A file that is never asked for more bytes than it has: a field may claim to be 4 GB long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)
        self.tell, self.seek, self.close = file.tell, file.seek, file.close

    def read(self, size: int = -1) -> bytes:
        """Read at most what is left."""
        if size > 65536:
            size = min(size, self._size - self._file.tell())
        return self._file.read(size)


def text_of(ds: "Dataset", keyword: str) -> str:
    """A field as text, several values with "\\" between them; empty where it is missing or cannot be read."""
    from pydicom.multival import MultiValue

    try:
        value = ds.get(keyword)
        if isinstance(value, MultiValue | list | tuple):
            return "\\".join(str(part).strip(" \0") for part in value)
        if isinstance(value, bytes):  # of a wrong VR
            value = value.decode("latin-1")
        return "" if value is None else str(value).strip(" \0\r\n\t")
    except Exception:  # whatever a damaged value leads pydicom to
        return ""


def whole_number(ds: "Dataset", keyword: str, default: int) -> int:
    """A field as a whole number, whatever its VR; the default where it is missing or no number."""
    try:
        return int(float(text_of(ds, keyword).split("\\")[0]))
    except (ValueError, OverflowError):
        return default


def date_of(ds: "Dataset", keyword: str) -> date | None:
    """A date in the form of DICOM, or in the ISO form that wrong exports have."""
    digits = text_of(ds, keyword).replace("-", "").replace(".", "")[:8]
    try:
        return datetime.strptime(digits, "%Y%m%d").date() if len(digits) == 8 else None
    except ValueError:
        return None


def coded_view(ds: "Dataset") -> str:
    """The view by View Code Sequence; empty where it is missing or another one."""
    try:
        sequence = ds.get("ViewCodeSequence")
        meaning = str(sequence[0].get("CodeMeaning", "")) if sequence else ""
    except Exception:
        return ""
    return _VIEW_CODES.get(meaning.strip().lower(), "")


# Fields of the header -> keywords.
_IDS = {"patient": "PatientID", "accession": "AccessionNumber", "study": "StudyInstanceUID", "sop": "SOPInstanceUID"}
_PHYSICIANS = ("ReferringPhysicianName", "PerformingPhysicianName", "NameOfPhysiciansReadingStudy")
_NAMES = ("PatientName", *_PHYSICIANS, "OperatorsName")
_TERMS = {
    "modality": "Modality",
    "body_part": "BodyPartExamined",
    "view": "ViewPosition",
    "burned_in": "BurnedInAnnotation",
    "sex": "PatientSex",
}
_TEXTS = {"sop_class": "SOPClassUID", "manufacturer": "Manufacturer"}
_SIZES = {"rows": "Rows", "columns": "Columns", "bits": "BitsAllocated"}
_COUNTS = {"frames": "NumberOfFrames", "samples": "SamplesPerPixel"}
_DATES = ("StudyDate", "AcquisitionDate", "ContentDate")
_OTHERS = ("PatientAge", "PatientBirthDate", "ViewCodeSequence", "ImageType", *_NAMES, *_DATES)
_TAGS = [*_OTHERS, *(keyword for fields in (_IDS, _TERMS, _TEXTS, _SIZES, _COUNTS) for keyword in fields.values())]


@dataclass(frozen=True, slots=True)
class DicomHeader:
    """The header of one file. Texts have no blanks around them; "" where a field is missing or cannot be read."""

    # Identify somebody, and go nowhere but to the private folder.
    patient: str = ""
    accession: str = ""
    study: str = ""
    sop: str = ""
    names: str = ""  # of the patient, the physicians and the operators, to know them in a table; they go nowhere
    sop_class: str = ""  # UID of the kind of object
    modality: str = ""  # terms are in capitals
    body_part: str = ""
    view: str = ""  # from View Code Sequence where View Position is empty
    image_type: tuple[str, ...] = ()  # such as ("ORIGINAL", "PRIMARY")
    burned_in: str = ""  # "YES", "NO" or ""
    manufacturer: str = ""  # free text
    sex: str = ""
    age: float | None = None  # in years: PatientAge, else from the dates of birth and study
    date: "date | None" = None  # of the study, else of the picture
    rows: int = 0  # 0 where there is no picture
    columns: int = 0
    frames: int = 1
    samples: int = 1
    bits: int = 0
    transfer_syntax: str = ""  # UID


def read_header(file: BinaryIO) -> DicomHeader:
    """Read the header of a file, with or without preamble; an ImageReadError repeats no text from the file."""
    from pydicom import Dataset, dcmread  # a third of a second

    from monai_mocoi.transforms.dicom_header import check_inflated_size

    with guarded("the DICOM header is damaged or cut short"):
        check_inflated_size(file)
        file.seek(0)
        ds = dcmread(BoundedFile(file), force=True, stop_before_pixels=True, specific_tags=list(_TAGS))
        meta = getattr(ds, "file_meta", None) or Dataset()
        fields: dict[str, Any] = {name: text_of(ds, keyword) for name, keyword in _IDS.items()}
        # Interned: one copy of what thousands of headers repeat.
        fields |= {name: sys.intern(text_of(ds, keyword)) for name, keyword in _TEXTS.items()}
        fields |= {name: sys.intern(text_of(ds, keyword).upper()) for name, keyword in _TERMS.items()}
        fields |= {name: whole_number(ds, keyword, 0) for name, keyword in _SIZES.items()}
        fields |= {name: whole_number(ds, keyword, 1) for name, keyword in _COUNTS.items()}
        fields["view"] = fields["view"] or coded_view(ds)
        fields["names"] = sys.intern(" ".join(filter(None, (text_of(ds, keyword) for keyword in _NAMES))))
        kinds = (part.strip().upper() for part in text_of(ds, "ImageType").split("\\") if part)
        return DicomHeader(
            **fields,
            image_type=tuple(map(sys.intern, kinds)),
            age=age_of(text_of(ds, "PatientAge"), date_of(ds, "PatientBirthDate"), date_of(ds, "StudyDate")),
            date=next(filter(None, (date_of(ds, keyword) for keyword in _DATES)), None),
            transfer_syntax=sys.intern(text_of(meta, "TransferSyntaxUID")),
        )
