"""Cut the lit disc out of a fundus photograph, and note what the bundles would do with the result."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from data_prep.candidates import Refused, refused_if_unreadable
from data_prep.eyepacs_sheet import REJECTED
from data_prep.picture_notes import picture_note
from monai_mocoi.errors import FundusError
from monai_mocoi.transforms.fundus_disc import crop_to_disc, find_disc
from monai_mocoi.transforms.reader import read_image

MOVED = 0.03
"""Share of the radius by which the disc of a cropped picture may be found elsewhere before it is reported."""
SMALL, CUT_AGAIN = 1, 2
"""Bits of the note: the disc was enlarged; the bundles cut the crop once more."""


def cut_out(path: str, size: int, check_exposure: bool) -> tuple[NDArray[np.uint8], int]:
    """Read a photograph and cut out the square around its disc, as the bundles would.

    Returned are the square, (size, size, 3), and its note for the record. A photograph is Refused if it cannot be read
    or has no usable disc, and with ``check_exposure`` if it is too dark, too bright or without structure.
    """
    passed_over: set[str] = set()
    with refused_if_unreadable():
        try:
            photograph = read_image(path, channels=3, notes=passed_over)
            disc = find_disc(photograph, check_exposure=check_exposure)
            crop = crop_to_disc(photograph, disc, size).transpose(1, 2, 0)
            fundus: NDArray[np.uint8] = np.rint(crop * np.float32(255)).astype(np.uint8)
            # The bundles judge what is written now: what they would refuse is left out here.
            again = find_disc(as_read(fundus), check_exposure=check_exposure)
        except FundusError as error:
            raise Refused(REJECTED + str(error)) from None
    radius = size / 2
    moved = max(math.hypot(again.row - radius, again.column - radius), abs(again.radius - radius))
    note = picture_note(photograph, passed_over)
    return fundus, note + SMALL * (2 * disc.radius < size) + CUT_AGAIN * (moved > MOVED * radius)


def as_read(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what the reader makes of an 8-bit PNG of (rows, columns, 3): (3, rows, columns), 0..1."""
    return np.ascontiguousarray(levels.transpose(2, 0, 1), np.float32) / np.float32(255)
