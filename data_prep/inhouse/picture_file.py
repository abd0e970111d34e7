"""One picture of an export: read it, refuse what shows text, and write it to the dataset folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.candidates import Candidate, Refused, Written, refused_if_unreadable
from data_prep.inhouse.burned_in import has_text_like_border
from data_prep.inhouse.image_facts import image_note
from data_prep.inhouse.source_options import MIN_SIZE, InhouseOptions
from data_prep.picture_notes import FLATTENED, picture_note
from data_prep.png_file import refer_to, write_png
from monai_mocoi.transforms.reader import read_image, to_channels

TEXT_LIKE = "text-like strokes near the border, may be burned-in text"
"""The reason for leaving a picture out."""


def write_picture(candidate: Candidate, target: Path, options: InhouseOptions) -> Written:
    """Write one picture as a PNG without metadata, or refer to its file.

    A picture that cannot be read, is too small, or may show text is Refused.
    """
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
