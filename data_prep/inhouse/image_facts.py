"""What is kept of each written image, in the record, and what the manifest says of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.candidates import Outcome
from data_prep.picture_notes import bits_of
from data_prep.record import Note

_SMALL = 1  # in the note's "bits", beside those of data_prep.picture_notes
_COLOUR = 0.5  # of the images: from this share on, the data set is one of colour pictures


def image_note(picture: NDArray[np.float32], bits: int, size: int, written: int) -> dict[str, Any]:
    """Return what is kept of an image, (1 or 3, rows, columns) in 0..1, before it is made smaller to ``size`` pixels.

    ``bits`` are those of :func:`~data_prep.picture_notes.picture_note`, ``written`` the bits of a value of the PNG.
    """
    # Of every second row and column the distinct values, in steps of 1 / 65,535: for the report.
    steps = (picture[:, ::2, ::2].ravel() * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    there = np.zeros(65536, dtype=bool)
    there[steps] = True
    bits += _SMALL * (min(picture.shape[1:]) < size)
    return {"bits": bits, "levels": int(np.count_nonzero(there)), "channels": len(picture), "written": written}


def count_small(notes: Iterable[Note]) -> int:
    """Return how many images are smaller than was asked for."""
    return sum(bool(bits_of(note) & _SMALL) for note in notes)


def count_in_colour(notes: Iterable[Note]) -> int:
    """Return how many images are in colour."""
    return sum(_of(note, "channels") == 3 for note in notes)


def manifest_of_images(outcome: Outcome, size: int, label_kind: str, identified: bool) -> dict[str, Any]:
    """Return what the next steps must know of the images, for the manifest.

    ``label_kind`` is "single", "multi" or "none"; with ``identified`` the images are references to the originals.
    """
    notes = [outcome.notes[name] for names in outcome.splits.values() for name in names]
    colour = count_in_colour(notes)
    return {
        "bits": max((_of(note, "written") for note in notes), default=8),
        "channels": 3 if colour >= _COLOUR * len(notes) else 1,
        "in_colour": colour,
        "size": size,
        "label_kind": label_kind,
        "identified": identified,
        "smaller_than_size": count_small(notes),
    }


def _of(note: Note, key: str) -> int:
    return int(note[key]) if isinstance(note, dict) else 0
