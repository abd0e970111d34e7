"""What a preparation notes of a picture that it keeps: flattened in 8 bits, or a window that was passed over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.record import Note
from monai_mocoi.transforms.dicom_display import WINDOW_IGNORED
from monai_mocoi.transforms.rounding import FEW_LEVELS, is_flattened

# Bits of the number that the record keeps; the lower ones are the preparation's own.
FLATTENED = 1 << 8
IGNORED_WINDOW = 1 << 9


def picture_note(picture: NDArray[np.float32], notes: Collection[str] = ()) -> int:
    """Return the note of one picture.

    Args:
        picture: (C, rows, columns) float32, values 0..1, as the reader gave it.
        notes: what the reader passed over.

    Returns:
        the sum of :data:`FLATTENED` and :data:`IGNORED_WINDOW`, as far as they hold.
    """
    return FLATTENED * is_flattened(picture) + IGNORED_WINDOW * (WINDOW_IGNORED in notes)


def bits_of(note: Note) -> int:
    """Return the number in a note; a dictionary has it as ``bits``, if at all."""
    return note if isinstance(note, int) else int(note.get("bits", 0))


def noted(notes: Mapping[str, Note]) -> dict[str, Any]:
    """Return the part of a manifest: the names of the pictures concerned, sorted.

    Args:
        notes: by image name.
    """
    return {
        "few_grey_levels": sorted(name for name, note in notes.items() if bits_of(note) & FLATTENED),
        "window_ignored": sorted(name for name, note in notes.items() if bits_of(note) & IGNORED_WINDOW),
    }


def print_noted(notes: Mapping[str, Note], written_in_8_bits: bool = False) -> None:
    """Say on the console how many pictures are concerned, and what to do.

    Args:
        notes: by image name.
        written_in_8_bits: the dataset folder holds them in 8 bits, whatever their source, so no setting of training
            brings their grey levels back.
    """
    found = noted(notes)
    if few := len(found["few_grey_levels"]):
        print(
            f"{few} of {len(notes)} pictures use a small part of the range that their files declare: 8 bits would "
            f"leave fewer than {FEW_LEVELS} grey levels (listed in manifest.json). "
            + (
                "The pictures written here have 8 bits, so what is lost stays lost: to keep it, stretch the sources to "
                "the range of their format first"
                if written_in_8_bits
                else "cache_bits auto keeps a set in 16 bits if a sample of it shows such pictures; mocoi run ... "
                "--intensity percentiles stretches each picture to its own range"
            )
        )
    if ignored := len(found["window_ignored"]):
        print(f"{ignored} pictures have a window that cannot be used and was ignored (listed in manifest.json)")
