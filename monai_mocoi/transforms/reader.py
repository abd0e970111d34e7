"""The one reader of images: PNG, JPEG, TIFF and DICOM; the same tensor whatever the format."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import BinaryIO

import numpy as np

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.file_kinds import DICOM_SUFFIXES, RASTER_MAGIC, starts_with
from monai_mocoi.transforms.image_errors import check_not_constant, guarded, silenced

_OTHERS = {
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"RIFF": "a WebP picture or other RIFF file",
    b"\0\0\0\x0cjP": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"NRRD": "an NRRD volume",
    b"version https://git-lfs": "a pointer left by Git LFS (run `git lfs pull`)",
    b"<": "an HTML or XML page (perhaps a failed download)",
}
_NOTES: ContextVar[set[str] | None] = ContextVar("notes", default=None)


@contextmanager
def collected_notes() -> Iterator[set[str]]:
    """Collect what :func:`read_image` passes over, also where a chain of transforms calls it; in this thread only."""
    notes: set[str] = set()
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def read_image(
    path: str | os.PathLike[str], channels: int | None = None, frame: int | None = None, notes: set[str] | None = None
) -> np.ndarray:
    """Read a picture from a PNG, JPEG, TIFF or DICOM file; the format is found from the content.

    Values are scaled by the range of the format, never by the content of the one picture; see
    :func:`~monai_mocoi.transforms.raster.read_raster` and :func:`~monai_mocoi.transforms.dicom.read_dicom`.

    Args:
        path: the file.
        channels: ``None``: as stored, 1 for what is stored as grey (MONOCHROME1 and 2 in DICOM), 3 for anything else,
            even if its three channels are equal. ``1``: grey, by the luma of ITU-R BT.601 (0.299 R + 0.587 G + 0.114
            B); three equal channels give exactly their value. ``3``: grey is repeated.
        frame: which frame of a multi-frame DICOM file, from 0; ``None``: the file must hold one frame only.
        notes: what was passed over in reading is added, so far ``WINDOW_IGNORED``; ``None``: to those of
            :func:`collected_notes`, if any.

    Returns:
        float32 (1 or 3, rows, columns), values 0..1, contiguous.

    Raises:
        ImageReadError: the file holds no picture that can be read; says what is wrong and what to do.
        ConstantImageError: all pixels are alike (of each channel), or the file's window makes them so.
        FileNotFoundError, IsADirectoryError, PermissionError: without the path, which can identify a patient.
        ValueError: ``channels`` is not None, 1 or 3.
    """
    check_channels(channels)
    notes = _NOTES.get() if notes is None else notes
    with silenced(), _opened(path) as file:
        image = _read(file, os.fspath(path), frame, notes)
    check_not_constant(image)
    return to_channels(image, channels)


def check_channels(channels: int | None) -> None:
    """Refuse a number of channels other than 1, 3 and None (as stored)."""
    if channels not in (None, 1, 3):
        raise ValueError(f"channels is {channels!r}; choose 1 (grey), 3 (colour) or None (as stored)")


def to_channels(image: np.ndarray, channels: int | None) -> np.ndarray:
    """Bring an array (1 or 3, rows, columns) to 1 or 3 channels as :func:`read_image` does; ``None``: unchanged."""
    if channels is None or len(image) == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=0)
    red, green, blue = image
    # Written as steps away from green, so that equal channels are not touched by rounding.
    return np.asarray(green + np.float32(0.299) * (red - green) + np.float32(0.114) * (blue - green))[np.newaxis]


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file; the system's own errors hold the path, hence each is raised anew without it."""
    try:
        # A pipe or a device could be waited for, or read from, without end.
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return open(path, "rb")
    except FileNotFoundError:
        raise FileNotFoundError("the image file does not exist") from None
    except PermissionError:
        raise PermissionError("the image file may not be read by this user; change its permissions") from None
    except (OSError, ValueError) as error:
        raise ImageReadError(f"the image file cannot be opened ({type(error).__name__})") from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError("a folder was given where an image file is expected")
    raise ImageReadError("the path is neither a file nor a folder (a pipe or a device?)")


def _read(file: BinaryIO, path: str, frame: int | None, notes: set[str] | None) -> np.ndarray:
    with guarded("the image file cannot be read from its disk"):
        head = file.read(132)
        file.seek(0)
    if not head:
        raise ImageReadError("the image file is empty (0 bytes); copy or download it again")
    if _is_dicom(head):
        return _read_dicom(file, frame, notes)
    raster = starts_with(head, RASTER_MAGIC)
    if raster:
        if frame not in (None, 0):
            raise ImageReadError(f"frame {frame} was asked for, but a {raster} file is read as one picture only")
        from monai_mocoi.transforms.raster import read_raster  # Pillow

        return read_raster(file)
    other = starts_with(head, _OTHERS)
    # Only now the name: data sets older than the file format begin with any bytes, and their suffix is the one hint.
    if not other and path.lower().endswith(DICOM_SUFFIXES):
        return _read_dicom(file, frame, notes)
    raise ImageReadError(
        f"the file is {other or 'of an unknown kind'}; PNG, JPEG, TIFF and DICOM are read. Convert it first"
    )


def _read_dicom(file: BinaryIO, frame: int | None, notes: set[str] | None) -> np.ndarray:
    from monai_mocoi.transforms.dicom import read_dicom  # pydicom: a third of a second

    return read_dicom(file, frame, notes)


def _is_dicom(head: bytes) -> bool:
    """Whether it has the prefix of PS3.10 7.1, or begins straight with the file meta group (0002) in explicit VR."""
    return head[128:132] == b"DICM" or (head[:2] == b"\x02\0" and head[4:6] in (b"UL", b"OB", b"UI"))
