"""Fields of a DICOM header: texts, numbers and look-up tables (PS3.3 C.7.9, C.11.1), and how errors tell them."""

import math
from typing import Any, NamedTuple

import numpy as np
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut

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
    value = _first(ds, keyword)
    return "" if value is None else str(value).strip()


def _first(ds: Dataset, keyword: str) -> Any:
    value = ds.get(keyword)
    if isinstance(value, MultiValue | list):
        return value[0] if value else None
    return value


def number_of(ds: Dataset, keyword: str) -> float | None:
    """The first number of a field; ``None`` where it is missing or empty."""
    trouble = f"DICOM {keyword} is not a number"
    with guarded(trouble):
        value = _first(ds, keyword)
        if value in (None, ""):
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


class LookUpTable(NamedTuple):
    """A table of entries, looked up by value."""

    entries: np.ndarray
    first: int  # the input value of the first entry
    bits: int  # of an entry

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Look up; values outside the table take its first or last entry (PS3.3 C.11.1.1.1)."""
        index = np.clip(np.floor(values - self.first), 0, len(self.entries) - 1)
        return np.asarray(self.entries[index.astype(np.intp)], np.float64)


def look_up_table(item: Dataset, prefix: str, ds: Dataset, high: float) -> LookUpTable:
    """A LUT of a sequence's item, or one of the three of a palette; ``high`` is the highest possible input."""
    descriptor = item.get(f"{prefix}Descriptor")
    if not isinstance(descriptor, MultiValue | list) or len(descriptor) != 3:
        raise ImageReadError("a DICOM LUT Descriptor does not hold its three numbers")
    # Read as signed or unsigned as the file's VR says or, in implicit VR, as pydicom supposes. A number of entries is
    # unsigned (0 stands for 65,536), and a table that began beyond the highest input would be no table.
    count, first, bits = int(descriptor[0]) % 2**16 or 2**16, int(descriptor[1]), int(descriptor[2])
    if first > high:
        first -= 2**16
    if not 8 <= bits <= 16:
        raise ImageReadError(f"a DICOM LUT has entries of {said(bits)} bits; 8 to 16 are defined")

    data = item.get(f"{prefix}Data")
    if data is None and f"Segmented{prefix}Data" in item:
        entries = _segmented(item, prefix, count, bits)
    elif isinstance(data, bytes):
        order = "<" if ds.original_encoding[1] else ">"
        wide = len(data) >= 2 * count
        entries = np.frombuffer(data, dtype=f"{order}u2" if wide else "u1")
    else:
        entries = np.atleast_1d(np.asarray(data, dtype=np.int64)) % 2**16
    if len(entries) < count:
        raise ImageReadError("a DICOM LUT has fewer entries than its descriptor names")
    entries = entries[:count]
    if entries.max() >= 2**bits:
        raise ImageReadError(f"a DICOM LUT holds entries above {2**bits - 1}, the most that its {bits} bits allow")
    return LookUpTable(entries, first, bits)


def _segmented(item: Dataset, prefix: str, count: int, bits: int) -> np.ndarray:
    """One colour of a segmented palette (PS3.3 C.7.9.2), unrolled by pydicom: the table is what 0, 1, 2... give."""
    if bits == 8 and count > 2**8:
        raise ImageReadError(
            "a segmented DICOM palette of more than 256 entries of 8 bits is not read; convert the file to RGB"
        )
    first = int(item.RedPaletteColorLookupTableDescriptor[1])
    table = apply_color_lut(np.arange(first, first + count), item)
    return table[:, ("Red", "Green", "Blue").index(prefix.removesuffix("PaletteColorLookupTable"))]
