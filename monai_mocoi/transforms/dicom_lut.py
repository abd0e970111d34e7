"""Look-up tables of DICOM: those of a sequence's item, and those of a palette (PS3.3 C.7.9, C.11.1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.dicom_fields import said


class LookUpTable(NamedTuple):
    """A table: its entries, the input value of the first one, and the bits of an entry."""

    entries: np.ndarray
    first: int  # the input value of the first entry
    bits: int  # of an entry

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Look up; values outside the table take its first or last entry (PS3.3 C.11.1.1.1)."""
        index = np.clip(np.floor(values - self.first), 0, len(self.entries) - 1)
        return self.entries[index.astype(np.intp)].astype(np.float64)


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
