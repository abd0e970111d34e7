"""Fields of a DICOM header: texts and numbers, and how errors may tell them."""

from __future__ import annotations

import math

from pydicom import Dataset
from pydicom.multival import MultiValue

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.image_errors import guarded

MEND = "export the file again, or correct its header with a DICOM tool"


def said(number: float) -> str:
    """A number of the header as errors may tell it: a larger one could be a date or an id in a wrong place."""
    return f"{number:.0f}" if 0 <= number < 256 else "another number"


def stored_range(ds: Dataset) -> tuple[int, int]:
    """Least and greatest value that Bits Stored and Pixel Representation allow."""
    bits = integer_of(ds, "BitsStored")
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if integer_of(ds, "PixelRepresentation") else (0, 2**bits - 1)


def module_of(ds: Dataset, frame: int, macro: str) -> Dataset:
    """Where a module's fields are: in a functional group of the frame or of all (enhanced objects), or in ``ds``."""
    groups = list(ds.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    groups += list(ds.get("SharedFunctionalGroupsSequence") or [])[:1]
    return next((group[macro][0] for group in groups if group.get(macro)), ds)


def text_of(ds: Dataset, keyword: str) -> str:
    """The first text of a field; empty where it is missing or empty."""
    value = ds.get(keyword)
    if isinstance(value, MultiValue | list):
        value = value[0] if value else None
    return "" if value is None else str(value).strip()


def number_of(ds: Dataset, keyword: str) -> float | None:
    """The first number of a field; ``None`` where it is missing or empty."""
    trouble = f"DICOM {keyword} is not a number"
    with guarded(trouble):
        value = ds.get(keyword)
        if isinstance(value, MultiValue | list):
            value = value[0] if value else None
        if value is None or value == "":
            return None
        number = float(value)
    if not math.isfinite(number):
        raise ImageReadError(trouble)
    return number


def integer_of(ds: Dataset, keyword: str) -> int:
    """The first number of a field as a whole one; an error where it is missing."""
    number = number_of(ds, keyword)
    if number is None:
        raise ImageReadError(f"DICOM {keyword} is missing; without it the pixels cannot be read: {MEND}")
    return int(number)
