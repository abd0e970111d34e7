"""What is measured of each picture: notes for the record (flattened in 8 bits, window ignored), and its histogram."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.record import Note
from monai_mocoi.transforms.dicom import WINDOW_IGNORED
from monai_mocoi.transforms.grey_levels import is_flattened
from monai_mocoi.transforms.reader import to_channels

# Bits of the number that the record keeps; the lower ones are the preparation's own.
FLATTENED, IGNORED_WINDOW = 1 << 8, 1 << 9
BINS = 64

Histogram = NDArray[np.float32]


def picture_note(picture: NDArray[np.float32], notes: Collection[str] = ()) -> int:
    """Return the sum of :data:`FLATTENED` and :data:`IGNORED_WINDOW`, as far as they hold of a picture.

    It is (C, rows, columns) in 0..1, as the reader gave it; ``notes`` is what the reader passed over.
    """
    return FLATTENED * is_flattened(picture) + IGNORED_WINDOW * (WINDOW_IGNORED in notes)


def bits_of(note: Note) -> int:
    """Return the number in a note; a dictionary has it as ``bits``, if at all."""
    return note if isinstance(note, int) else int(note.get("bits", 0))


def names_with(bit: int, notes: Mapping[str, Note]) -> list[str]:
    """Return the sorted names of the pictures whose note has a bit."""
    return sorted(name for name, note in notes.items() if bits_of(note) & bit)


def noted(notes: Mapping[str, Note]) -> dict[str, Any]:
    """Return the part of a manifest: the names of the pictures concerned, sorted."""
    return {"few_grey_levels": names_with(FLATTENED, notes), "window_ignored": names_with(IGNORED_WINDOW, notes)}


def histogram(picture: NDArray[np.float32]) -> Histogram:
    """Return the share of pixels in 64 equal steps from 0 (black) to 1 (white), colours as grey: (64,), sum 1."""
    steps = np.minimum(to_channels(picture, 1).ravel() * BINS, BINS - 1).astype(np.uint8)
    counts = np.bincount(steps, minlength=BINS)
    shares: Histogram = (counts / counts.sum()).astype(np.float32)
    return shares
