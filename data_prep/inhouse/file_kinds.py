"""What a file is, by its first bytes: suffixes of an export are missing or wrong."""

from __future__ import annotations

import os

from monai_mocoi.transforms.file_kinds import DICOM_SUFFIXES, RASTER_MAGIC, starts_with

HEAD = 132
"""Bytes that :func:`file_kind` needs: the preamble of a DICOM file and its prefix."""

RASTER_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif"}
"""The kinds of pictures beside DICOM, with the suffix by which other programs know them."""

_TEXT = (frozenset(range(32, 256)) | {9, 10, 13}) - {127}
# Value representations with which a data set in explicit VR begins: those of (0008,0001) to (0008,0018).
_FIRST_VR = (b"UL", b"CS", b"UI", b"DA", b"TM", b"OB", b"LO", b"SH")


def file_kind(head: bytes, name: str = "") -> str:
    """Tell what a file is.

    Args:
        head: its first bytes, :data:`HEAD` of them or all.
        name: of the file; its suffix counts only where nothing else tells: a DICOM data set without preamble may begin
            with any bytes.

    Returns:
        "dicom", "png", "jpeg" or "tiff"; else "empty", "text" or "other".
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
