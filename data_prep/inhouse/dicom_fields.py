"""Read fields of a damaged DICOM data set: as text, number or date, empty where a field is missing or wrong."""

from __future__ import annotations

from datetime import date, datetime
from typing import BinaryIO

from pydicom import Dataset
from pydicom.multival import MultiValue

from monai_mocoi.data.columns import as_numbers

_VIEW_CODES = {
    "antero-posterior": "AP",
    "postero-anterior": "PA",
    "left lateral": "LL",
    "right lateral": "RL",
    "lateral": "LATERAL",
}
"""Code Meaning of PS3.16 CID 4010, for devices that leave View Position empty, and the value that it has there."""


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


def text_of(ds: Dataset, keyword: str) -> str:
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


def whole_number(ds: Dataset, keyword: str, default: int) -> int:
    """A field as a whole number, whatever its VR; the default where it is missing or no number."""
    try:
        return int(float(text_of(ds, keyword).split("\\")[0]))
    except (ValueError, OverflowError):
        return default


def date_of(ds: Dataset, keyword: str) -> date | None:
    """A date in the form of DICOM, or in the ISO form that wrong exports have."""
    digits = text_of(ds, keyword).replace("-", "").replace(".", "")[:8]
    try:
        return datetime.strptime(digits, "%Y%m%d").date() if len(digits) == 8 else None
    except ValueError:
        return None


def age_of(written: str, born: date | None, studied: date | None) -> float | None:
    """An age in years: as it is written, else from the dates of birth and study; None where neither is known."""
    years = as_numbers("age", [written]) if written else None
    if years is not None and years[0] == years[0]:
        return float(years[0])
    if born is None or studied is None or studied < born:
        return None
    years_lived = studied.year - born.year - ((studied.month, studied.day) < (born.month, born.day))
    return float(years_lived) if years_lived <= 120 else None


def coded_view(ds: Dataset) -> str:
    """The view by View Code Sequence; empty where it is missing or another one."""
    try:
        sequence = ds.get("ViewCodeSequence")
        meaning = str(sequence[0].get("CodeMeaning", "")) if sequence else ""
    except Exception:
        return ""
    return _VIEW_CODES.get(meaning.strip().lower(), "")
