"""One picture of an export: read and written, what the record keeps of it, and what the manifest says of all."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.candidates import Candidate, Outcome, Refused, Written, refused_if_unreadable
from data_prep.inhouse.burned_in import has_text_like_border
from data_prep.inhouse.source_options import MIN_SIZE, InhouseOptions
from data_prep.picture import FLATTENED, bits_of, picture_note, refer_to, write_png
from data_prep.record import Note
from monai_mocoi.transforms.reader import read_image, to_channels

SMALL = 1  # in the note's "bits", beside those of data_prep.picture
_COLOUR = 0.5  # of the images: from this share on, the data set is one of colour pictures


def image_note(picture: NDArray[np.float32], bits: int, size: int, written: int) -> dict[str, Any]:
    """Return the note of an image, (1 or 3, rows, columns) in 0..1, before it is made smaller to ``size`` pixels."""
    # Of every second row and column the distinct values, in steps of 1 / 65,535: for the report.
    steps = (picture[:, ::2, ::2].ravel() * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    there = np.zeros(65536, dtype=bool)
    there[steps] = True
    bits += SMALL * (min(picture.shape[1:]) < size)
    return {"bits": bits, "levels": int(np.count_nonzero(there)), "channels": len(picture), "written": written}


def count_in_colour(notes: Iterable[Note]) -> int:
    """Return how many images are in colour."""
    return sum(_of(note, "channels") == 3 for note in notes)


def manifest_of_images(outcome: Outcome, size: int, label_kind: str, identified: bool) -> dict[str, Any]:
    """Return what the next steps must know of the images, for the manifest."""
    notes = [outcome.notes[name] for names in outcome.splits.values() for name in names]
    colour = count_in_colour(notes)
    return {
        "bits": max((_of(note, "written") for note in notes), default=8),
        "channels": 3 if colour >= _COLOUR * len(notes) else 1,
        "in_colour": colour,
        "size": size,
        "label_kind": label_kind,
        "identified": identified,
        "smaller_than_size": sum(bool(bits_of(note) & SMALL) for note in notes),
    }


def _of(note: Note, key: str) -> int:
    return int(note[key]) if isinstance(note, dict) else 0


TEXT_LIKE = "text-like strokes near the border, may be burned-in text"  # the reason for leaving a picture out


def write_picture(candidate: Candidate, target: Path, options: InhouseOptions) -> Written:
    """Write one picture as a PNG, or refer to its file; one that is too small, or may show text, is Refused."""
    passed_over: set[str] = set()
    with refused_if_unreadable():
        as_stored = read_image(candidate.source, frame=candidate.extra, notes=passed_over)
    picture = with_channels(as_stored, options.channels)
    if min(picture.shape[1:]) < MIN_SIZE:
        raise Refused(f"a side is shorter than {MIN_SIZE} pixels")
    if not options.keep_burned_in and has_text_like_border(picture):
        raise Refused(TEXT_LIKE)
    bits = picture_note(picture, passed_over)
    deep = len(picture) == 1 and (options.bits == "16" or (options.bits == "auto" and bool(bits & FLATTENED)))
    note = image_note(picture, bits, options.size, 16 if deep else 8)
    if options.in_place:
        refer_to(candidate.source, target)
        return Written(note, as_stored)
    return Written(note, write_png(picture, target, options.size, 16 if deep else 8))


def with_channels(picture: NDArray[np.float32], channels: str) -> NDArray[np.float32]:
    """Return a picture with "1" or "3" channels; with "auto", in grey where its channels are equal."""
    if channels == "3":
        return to_channels(picture, 3)
    is_grey = len(picture) == 3 and bool((picture[0] == picture[1]).all() and (picture[1] == picture[2]).all())
    return to_channels(picture, 1) if channels == "1" or is_grey else picture
