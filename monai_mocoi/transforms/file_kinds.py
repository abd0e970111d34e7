"""By what a file is known: its first bytes, and the suffixes of DICOM files that begin with any bytes."""

RASTER_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
"""First bytes of the pictures beside DICOM that are read (TIFF in either byte order, BigTIFF too)."""
DICOM_SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")
"""Of files that may be DICOM data sets without preamble; in small letters."""

PICTURE_SUFFIXES = (*DICOM_SUFFIXES, ".png", ".jpg", ".jpeg", ".tif", ".tiff")
"""Of all pictures that are read; in small letters."""


def starts_with(head: bytes, kinds: dict[bytes, str]) -> str | None:
    """Return the kind, of those given by their first bytes, of a file with this ``head``; None: none of them."""
    return next((kind for magic, kind in kinds.items() if head.startswith(magic)), None)
