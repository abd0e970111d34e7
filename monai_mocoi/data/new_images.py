"""New images, without labels or patients: found in folders, or named in a list."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from monai_mocoi.errors import DatasetError, TableError
from monai_mocoi.files.csv_table import parse_table, read_text
from monai_mocoi.files.home_folder import expand_home
from monai_mocoi.transforms.file_kinds import DICOM_SUFFIXES

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", *DICOM_SUFFIXES)
_LIST_SUFFIXES = (".csv", ".txt")
_WANTED = f"files ending in {', '.join(IMAGE_SUFFIXES)}, and DICOM files of any name"

# In the names of those SOP classes (PS3.4 B.5) whose objects are pictures.
_OF_PICTURES = ("Image", "US Volume")

logger = logging.getLogger(__name__)


def find_new_images(images: str | os.PathLike[str] | Sequence[str]) -> list[dict[str, str]]:
    """Find images in folders and all folders below them, or read where they are from a list.

    Of a folder every file is taken that is named like an image (:data:`IMAGE_SUFFIXES`, in any case), readable or not,
    and every other one with the mark of a DICOM file; not hidden files, a DICOMDIR, or DICOM objects that are no image
    by their SOP class. Symbolic links are followed. The order is that of the names, folder by folder.

    Args:
        images: a folder; an image file; a list (``.txt``: a path a line; ``.csv``: with a column ``image``; relative
            paths are taken from the list's folder); or several of these.

    Returns:
        an item for each: ``image`` (path) and ``name``: the path relative to the folder given, or as it was written; of
        several folders with the folder's path before it.

    Raises:
        DatasetError: one of the places does not exist, cannot be read or has no image; not named, it could tell a
            patient.
    """
    places = [images] if isinstance(images, str | os.PathLike) else list(images)
    if not places:
        raise DatasetError("images is an empty list: give a folder, a list of paths, or several of these.")
    found: list[dict[str, str]] = []
    for number, place in enumerate(places, start=1):
        which = "images" if len(places) == 1 else f"images, entry {number} of {len(places)}"
        found += _at(expand_home(place), str(place), which, alone=len(places) == 1)
    return found


def _at(path: Path, given: str, which: str, alone: bool) -> list[dict[str, str]]:
    if path.is_dir():
        names, others = _in_folder(path, which)
        if not names:
            what = f", but {others} other file{'s' if others > 1 else ''}" if others else " and no other file"
            raise DatasetError(f"{which}: the folder and those below it hold no image{what}. Images are {_WANTED}.")
        logger.info("%s: %d images found; %d other files left out", which, len(names), others)
        return [{"image": str(path / name), "name": name if alone else os.path.join(given, name)} for name in names]
    if not path.is_file():
        raise DatasetError(f"{which}: there is no such file or folder; check the path.")
    if path.suffix.lower() not in _LIST_SUFFIXES:
        return [{"image": str(path), "name": given}]
    listed = _listed(path, which)
    if not listed:
        raise DatasetError(f"{which}: the list names no image.")
    logger.info("%s: %d images in the list", which, len(listed))
    return [{"image": str(path.parent / expand_home(name)), "name": name} for name in listed]


def _in_folder(folder: Path, which: str) -> tuple[list[str], int]:
    """The images in a folder, relative to it, and the number of other files."""

    def stop(error: OSError) -> None:
        raise DatasetError(
            f"{which}: a folder cannot be read ({error.strerror}), so images could be missed; change its permissions."
        ) from None

    names: list[str] = []
    others = 0
    seen: set[str] = set()
    for parent, subfolders, files in os.walk(folder, followlinks=True, onerror=stop):
        place = os.path.realpath(parent)
        if place in seen:  # a link to a folder above
            subfolders.clear()
            continue
        seen.add(place)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(parent, name)
            if _is_image(path, name):
                names.append(os.path.relpath(path, folder))
            else:
                others += 1
    return names, others


def _is_image(path: str, name: str) -> bool:
    if name.startswith(".") or name.upper() == "DICOMDIR":
        return False
    named = name.lower().endswith(IMAGE_SUFFIXES)
    if not os.path.isfile(path):  # a pipe could be waited for without end
        return named
    try:
        with open(path, "rb") as file:
            if file.read(132)[128:] != b"DICM":
                return named
            return not _is_other_object(file)
    except OSError:
        return named


def _is_other_object(file: BinaryIO) -> bool:
    """Whether a DICOM file, behind its mark, names a SOP class of the standard that is no picture's.

    What names none, or one of its own, may be a picture: the reader will tell.
    """
    from pydicom.filereader import read_dataset

    try:
        meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        uid = meta.get("MediaStorageSOPClassUID")
        known = uid is not None and uid.type == "SOP Class"
    except Exception:  # a damaged file is the reader's to judge
        return False
    return known and not any(word in uid.name for word in _OF_PICTURES)


def _listed(path: Path, which: str) -> list[str]:
    name = f"{which}: the list"  # its own could identify a patient
    text = read_text(path, name)
    if path.suffix.lower() == ".txt":
        return [line.strip() for line in text.split("\n") if line.strip()]
    for delimiter in (",", ";", "\t"):
        try:
            table = parse_table(text, name, delimiter)
        except TableError:
            continue
        if "image" in table.header:
            place = table.header.index("image")
            if empty := [number for number, row in table.rows if len(row) <= place or not row[place].strip()]:
                raise DatasetError(f"{which}: row {empty[0]} of the list has nothing in its column 'image'.")
            return [row[place].strip() for _, row in table.rows]
    raise DatasetError(f"{which}: the list has no column 'image'; write 'image' above the column with the paths.")
