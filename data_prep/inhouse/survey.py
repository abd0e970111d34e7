"""Survey an export: what each file is, by its first bytes, and what its header says. No pixel is read."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from data_prep.inhouse.dicom_headers import DicomHeader, read_header
from data_prep.inhouse.export_tree import ExportFile
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.file_kinds import DICOM_SUFFIXES, RASTER_MAGIC, starts_with

HEAD = 132  # bytes that :func:`file_kind` needs: the preamble of a DICOM file and its prefix
RASTER_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif"}  # by which other programs know these kinds
# Reasons by the kind of a file.
NO_PICTURE = {"empty": "an empty file", "text": "a text, table or web page", "other": "a file of another kind"}
NO_PIXELS = "no picture in it (a report, a presentation state, or cut short)"
NO_SYNTAX = "names no transfer syntax (0002,0010), so its pixels cannot be decoded with certainty"
NO_SUCH_FRAMES = "declares more frames than its bytes can hold"
CLOSED = "a file that cannot be read"
DAMAGED = "unreadable: "

_TEXT = (frozenset(range(32, 256)) | {9, 10, 13}) - {127}
# Value representations with which a data set in explicit VR begins: those of (0008,0001) to (0008,0018).
_FIRST_VR = (b"UL", b"CS", b"UI", b"DA", b"TM", b"OB", b"LO", b"SH")
# Implicit VR little endian, explicit VR little and big endian.
_UNCOMPRESSED = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"})
_SMALLEST_FRAME = 8  # bytes that a frame of compressed pixels has at least: the header of its item


@dataclass(frozen=True, slots=True)
class Seen:
    """One file, and why it holds no picture that could be read (``fault``; None: it may)."""

    file: ExportFile
    kind: str  # see file_kind
    size: int = 0  # in bytes
    header: DicomHeader | None = None
    fault: str | None = None


def survey(files: Sequence[ExportFile], workers: int | None = None) -> list[Seen]:
    """Look at files in threads (None: one a usable processor), and return what was seen, in their order."""
    with closing(map_in_threads(look, files, len(files), workers, "headers")) as results:
        return [own for _, own in sorted(results, key=lambda result: result[0])]


def look(file: ExportFile) -> Seen:
    """Look at one file; it is opened once."""
    try:
        with open(file.path, "rb") as content:
            size = os.fstat(content.fileno()).st_size
            kind = file_kind(content.read(HEAD), os.path.basename(file.path))
            if kind in RASTER_SUFFIXES:
                return Seen(file, kind, size)
            if kind != "dicom":
                return Seen(file, kind, size, fault=NO_PICTURE[kind])
            content.seek(0)
            header = read_header(content)
    except OSError:
        return Seen(file, "other", fault=CLOSED)
    except ImageReadError as error:
        return Seen(file, "dicom", size, fault=DAMAGED + str(error))
    fault = picture_fault(header, size)
    return Seen(file, kind, size, header, fault if fault in (None, NO_PIXELS) else DAMAGED + str(fault))


def picture_fault(header: DicomHeader, size: int) -> str | None:
    """Return why a file of ``size`` bytes cannot hold a picture that is read, by its header; None: it may be one."""
    if header.rows < 1 or header.columns < 1:
        return NO_PIXELS
    from monai_mocoi.transforms.dicom_header import check_dicom_size  # pydicom

    try:
        check_dicom_size(header.rows, header.columns)
    except ImageReadError as error:
        return str(error)
    if not header.transfer_syntax:
        return NO_SYNTAX
    # A number of frames is believed only as far as the file goes: each becomes an image of the list.
    if header.frames > 1:
        raw = header.rows * header.columns * header.samples * header.bits // 8
        # Half of it, because YBR_FULL_422 leaves out every second colour value.
        least = max(1, raw // 2) if header.transfer_syntax in _UNCOMPRESSED else _SMALLEST_FRAME
        if header.frames * least > size:
            return NO_SUCH_FRAMES
    return None


def file_kind(head: bytes, name: str = "") -> str:
    """Return what a file is by its first bytes: "dicom", "png", "jpeg" or "tiff"; else "empty", "text" or "other".

    The suffix counts only where nothing else decides: a DICOM data set without preamble may begin with any bytes.
    """
    if not head:
        return "empty"
    if head[128:132] == b"DICM" or _begins_a_data_set(head):
        return "dicom"
    if raster := starts_with(head, RASTER_MAGIC):
        return raster.lower()
    if _TEXT.issuperset(head) or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text"
    return "dicom" if os.path.splitext(name)[1].lower() in DICOM_SUFFIXES else "other"


def _begins_a_data_set(head: bytes) -> bool:
    """Whether it begins straight with the file meta group (0002) or the group (0008), in either byte order."""
    if head[:2] in (b"\x02\0", b"\x08\0"):
        if head[4:6] in _FIRST_VR:
            return True
        # Implicit VR: the element's number, and a length that a first element can have.
        return len(head) >= 8 and head[3] == 0 and 0 < int.from_bytes(head[4:8], "little") <= 128
    return head[:2] == b"\0\x08" and head[4:6] in _FIRST_VR
