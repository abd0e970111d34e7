"""What the pictures of a data set are like, from some of them: sizes, colour, and how much of their range they use."""

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import DatasetError, FundusError, ImageReadError
from monai_mocoi.transforms.fundus_disc import find_disc
from monai_mocoi.transforms.grey_levels import is_flattened
from monai_mocoi.transforms.reader import read_image

MEASURED = 128
_TINT = 0.05  # of 0..1: a JPEG's grey is off by less
_COLOURED_SHARE = 0.01  # of the pixels: a coloured letter is less
_PERCENTILES = (0.5, 99.5)  # of intensity "percentiles"


@dataclass(frozen=True)
class PictureFacts:
    """Of the pictures that were looked at and could be read."""

    of: int  # how many images there are
    read: int  # how many could be read
    unreadable: int
    shorter_sides: tuple[int, int, int]  # the least, the median and the largest, in pixels
    long_to_short: float  # median of longer / shorter side
    coloured: int  # how many have channels further apart than 0.05 of 0..1 in more than 1 % of the pixels
    range_used: float  # median distance of the 0.5th and the 99.5th percentile, of the range 0..1 that a file declares
    flattened: int  # how many would be left with few grey levels in 8 bits
    without_disc: int | None  # in how many no usable fundus disc is found; None: it was not looked for
    suffixes: tuple[str, ...]  # of the file names, without dot, in small letters, sorted


def measure_pictures(items: Sequence[Mapping[str, Any]], fundus: bool = False) -> PictureFacts:
    """Look at up to 128 images, drawn at random with a fixed seed: those that ``cache_bits`` "auto" looks at.

    ``items``: of a datalist's training split. ``fundus``: look for the disc of a fundus photograph, too. Raises
    DatasetError: no item, or none that can be read.
    """
    chosen = random.Random(0).sample(list(items), min(MEASURED, len(items)))
    looks = map_in_threads(
        lambda item: _measured(item["image"], fundus), chosen, len(chosen), None, "looking at images"
    )
    found = [one for _, one in sorted(looks) if one is not None]
    if not found:
        raise DatasetError(
            f"none of {len(chosen)} training images that were looked at can be read, so nothing can be said of them. "
            "An audit of the dataset folder says what is wrong with each."
        )
    sides = [one["shorter"] for one in found]
    return PictureFacts(
        of=len(items),
        read=len(found),
        unreadable=len(chosen) - len(found),
        shorter_sides=(min(sides), round(float(np.median(sides))), max(sides)),
        long_to_short=float(np.median([one["long_to_short"] for one in found])),
        coloured=sum(one["coloured"] for one in found),
        range_used=float(np.median([one["range_used"] for one in found])),
        flattened=sum(one["flattened"] for one in found),
        without_disc=sum(one["without_disc"] for one in found) if fundus else None,
        suffixes=tuple(sorted({os.path.splitext(item["image"])[1].lstrip(".").lower() for item in items} - {""})),
    )


def _measured(path: str, fundus: bool) -> dict[str, Any] | None:
    try:
        picture = read_image(path)
    except (ImageReadError, OSError):
        return None  # the run tells of it, by its row
    low, high = np.percentile(picture, _PERCENTILES)
    rows, columns = picture.shape[1:]
    return {
        "shorter": min(rows, columns),
        "long_to_short": max(rows, columns) / min(rows, columns),
        "coloured": bool(np.mean(np.ptp(picture, axis=0) > _TINT) > _COLOURED_SHARE),
        "range_used": float(high - low),
        "flattened": is_flattened(picture),
        "without_disc": fundus and not _has_disc(picture),
    }


def _has_disc(picture: NDArray[np.float32]) -> bool:
    try:
        find_disc(picture)
    except FundusError:
        return False
    return True
