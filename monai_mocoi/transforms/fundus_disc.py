"""The lit disc in a fundus photograph: found, judged and cut out. NumPy, SciPy and Pillow only, no torch."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_mocoi.errors import FundusError
from monai_mocoi.transforms.disc_fit import TOLERANCE, Disc, edge_points, fit_disc
from monai_mocoi.transforms.reader import to_channels

MIN_SIDE = 32
"""Pixels of the shorter side below which no disc is looked for."""

# Everything below was tried on 934 photographs of EyePACS; docs/data.md has the figures.
_WORK_SIDE = 400  # of the picture in which the disc is looked for: its edge is then known to about half a pixel
_LIT = 0.08  # lit: brighter than the background by this share of what the bright parts are
_LIT_AT_LEAST = 0.02  # and by this much in any case, above the noise of JPEG's black
_LEAST_BEYOND = 0.002  # share of the lit part that may lie outside of a disc that was cut out before: noise
_WIDEST_GAP = 170  # degrees without such an edge: a smaller disc, off the middle, reaches the sides in one arc
_FILLED = 0.9  # share of its box from which on a lit piece without a round edge is a retina that fills the picture
_VISIBLE = 0.35  # share of the disc that must be lit and in the picture
_DARK, _BRIGHT, _BRIGHT_SHARE, _FLAT = 0.06, 0.92, 0.5, 0.02


def find_disc(picture: NDArray[np.float32], check_exposure: bool = True) -> Disc:
    """Find the fundus disc on a background that is darker than it.

    1. The picture is made small. A pixel's brightness is that of its brightest channel.
    2. The background is the darkest corner; what is brighter by a share of the bright parts is lit. The largest lit
       piece, holes filled, is the fundus.
    3. A square picture whose lit piece reaches the circle that just fits in, on all sides, and not beyond it, shows a
       disc that was cut out before: that circle is taken, so that a picture cut out twice stays as it is. A raw picture
       that happens to fit is misjudged by 2 % of its radius at most.
    4. Otherwise the circle is fitted to the piece's edge, see :func:`~monai_mocoi.transforms.disc_fit.fit_disc`.

    Args:
        picture: (1 or 3, rows, columns), values 0..1.
        check_exposure: also refuse a fundus that is too dark (median grey value under 0.06), too bright (half of it
            over 0.92) or without any structure (the middle 90 % of its grey values within 0.02).

    Raises:
        FundusError: too small a picture, nothing lit, no round edge, too little of the disc in the picture, or badly
            exposed.
        ValueError: the picture has another shape.
    """
    if picture.ndim != 3 or picture.shape[0] not in (1, 3):
        raise ValueError(f"the picture has the shape {picture.shape}; (1 or 3, rows, columns) is needed")
    rows, columns = picture.shape[1:]
    if min(rows, columns) < MIN_SIDE:
        raise FundusError(f"the picture is too small to find a fundus in: its shorter side has under {MIN_SIDE} pixels")
    small, scale = _made_small(picture)
    lit = _lit_piece(small.max(0))
    if check_exposure:
        _check_exposure(to_channels(small, 1)[0][lit])
    disc = _disc_of(lit)
    radius = disc.radius * float(np.sqrt(scale[0] * scale[1]))
    return Disc(disc.row * scale[0], disc.column * scale[1], radius, disc.edge_seen)


def crop_to_disc(picture: NDArray[np.float32], disc: Disc, size: int) -> NDArray[np.float32]:
    """Cut out the square around a disc and bring it to (C, size, size), by Pillow's antialiased bilinear filter.

    All of the disc is in it, at the same scale in every picture of one field of view, whether or not the camera cut it;
    what lies outside the picture is black.
    """
    side = max(1, round(2 * disc.radius))
    top, left = round(disc.row - side / 2), round(disc.column - side / 2)
    square = np.zeros((picture.shape[0], side, side), np.float32)
    first_row, first_column = max(top, 0), max(left, 0)
    inside = picture[:, first_row : top + side, first_column : left + side]
    rows, columns = inside.shape[1:]
    square[:, first_row - top :, first_column - left :][:, :rows, :columns] = inside
    scaled = [np.asarray(Image.fromarray(c).resize((size, size), Image.Resampling.BILINEAR)) for c in square]
    return np.asarray(np.clip(np.stack(scaled), 0, 1), np.float32)


def _made_small(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Return the picture with at most ``_WORK_SIDE`` pixels a side, and how many old pixels a new one has each way."""
    rows, columns = picture.shape[1:]
    shrink = max(rows, columns) / _WORK_SIDE
    if shrink <= 1:
        return picture, (1.0, 1.0)
    height, width = max(1, round(rows / shrink)), max(1, round(columns / shrink))
    small = [np.asarray(Image.fromarray(c).resize((width, height), Image.Resampling.BOX)) for c in picture]
    return np.stack(small), (rows / height, columns / width)


def _lit_piece(brightness: NDArray[np.float32]) -> NDArray[np.bool_]:
    corner = max(2, min(brightness.shape) // 25)
    ends = slice(corner), slice(-corner, None)
    background = min(float(np.median(brightness[rows, columns])) for rows in ends for columns in ends)
    above = brightness[brightness > background + _LIT_AT_LEAST]
    if not len(above):
        if background < _DARK:
            raise FundusError("nothing in the picture is lit: it is black, or nearly")
        return np.ones(brightness.shape, bool)  # all of one brightness
    bright = float(np.percentile(above, 90))  # whatever share of the picture the disc is
    if background > bright / 2:  # no background in the picture
        return np.ones(brightness.shape, bool)
    lit = brightness > background + max(_LIT_AT_LEAST, _LIT * (bright - background))
    from scipy import ndimage

    # The opening takes away threads of noise that would tie letters or a rim of light to the disc.
    lit = ndimage.binary_fill_holes(ndimage.binary_opening(np.pad(lit, 1, mode="edge"), iterations=1)[1:-1, 1:-1])
    pieces, n = ndimage.label(lit)
    if n == 0:
        raise FundusError("no disc was found: only specks are brighter than the background")
    return np.asarray(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))


def _disc_of(lit: NDArray[np.bool_]) -> Disc:
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    if _is_cut_out(lit):
        side = len(lit)
        return _visible(lit, Disc(side / 2, side / 2, side / 2))
    top, bottom, left, right = map(float, (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))
    height, width = bottom - top, right - left
    disc = fit_disc(edge_points(lit), height, width)
    if disc is None:
        if lit.sum() < _FILLED * height * width:
            raise FundusError("no disc was found: what is lit has no round edge")
        return Disc((top + bottom) / 2, (left + right) / 2, max(height, width) / 2, edge_seen=False)
    return _visible(lit, disc)


def _visible(lit: NDArray[np.bool_], disc: Disc) -> Disc:
    if lit.sum() < _VISIBLE * np.pi * disc.radius**2:
        raise FundusError(f"no usable disc: under {_VISIBLE:.0%} of it is lit and in the picture")
    return disc


def _is_cut_out(lit: NDArray[np.bool_]) -> bool:
    """Whether the lit piece is a disc, cut by the camera or not, that the square picture was made to fit."""
    side = len(lit)
    if lit.shape != (side, side):
        return False
    tolerance = max(1.0, TOLERANCE * side / 2)
    down, right = (places + 0.5 - side / 2 for places in np.nonzero(lit))
    away = np.hypot(down, right) - side / 2
    if (away > tolerance).mean() > _LEAST_BEYOND:
        return False
    reaching = away > -tolerance
    angles = np.unique(np.floor(np.degrees(np.arctan2(down[reaching], right[reaching])) / 5)) * 5
    return len(angles) > 0 and float(np.diff(angles, append=angles[0] + 360).max()) < _WIDEST_GAP


def _check_exposure(grey: NDArray[np.float32]) -> None:
    middle = float(np.median(grey))
    if middle < _DARK:
        raise FundusError(f"too dark: half of the fundus is under {_DARK:.0%} of the full grey value")
    if (grey > _BRIGHT).mean() > _BRIGHT_SHARE:
        raise FundusError(f"too bright: half of the fundus is over {_BRIGHT:.0%} of the full grey value")
    low, high = np.percentile(grey, [5, 95])
    if high - low < _FLAT:
        raise FundusError(f"no structure: nine tenths of the fundus are within {_FLAT:.0%} of the full grey value")
