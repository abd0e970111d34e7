"""A look at each file of the export: what it is and what its header says. Each is opened once, no pixel is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from data_prep.inhouse.dicom_headers import NO_PIXELS, DicomHeader, picture_fault, read_header
from data_prep.inhouse.export_tree import ExportFile
from data_prep.inhouse.file_kinds import HEAD, RASTER_SUFFIXES, file_kind
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import ImageReadError

NO_PICTURE = {
    "empty": "an empty file",
    "text": "a text, table or web page",
    "other": "a file of another kind",
}
"""Reasons by the kind of a file."""
CLOSED = "a file that cannot be read"
DAMAGED = "unreadable: "


@dataclass(frozen=True, slots=True)
class Seen:
    """One file.

    Attributes:
        file: which one.
        kind: "dicom", "png", "jpeg", "tiff", "empty", "text" or "other".
        size: in bytes.
        header: of a DICOM file.
        fault: why it holds no picture that could be read; None: it may.
    """

    file: ExportFile
    kind: str
    size: int = 0
    header: DicomHeader | None = None
    fault: str | None = None


def survey(files: Sequence[ExportFile], workers: int | None = None) -> list[Seen]:
    """Look at files, in threads.

    Args:
        files: to look at.
        workers: threads; None means one a usable processor.

    Returns:
        what was seen, in the order of the files.
    """
    seen: list[Seen | None] = [None] * len(files)
    with closing(map_in_threads(look, files, len(files), workers, "headers")) as results:
        for place, own in results:
            seen[place] = own
    return [own for own in seen if own is not None]


def look(file: ExportFile) -> Seen:
    """Look at one file."""
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
