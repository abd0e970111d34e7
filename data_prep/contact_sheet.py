"""One picture with many small ones: before and after a crop, to look a preparation over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.disc_fit import Disc

_CELL, _GAP, _TEXT, _PAIRS = 144, 6, 14, 5
_PAPER, _INK, _FOUND, _ASSUMED = (70, 70, 70), (255, 255, 255), (0, 255, 0), (80, 160, 255)


@dataclass(frozen=True)
class Pair:
    """One entry of a sheet.

    Attributes:
        caption: written above; cut off where it is longer than the two cells.
        before: (3, rows, columns) float, 0..1.
        after: likewise, or None: left out.
        disc: what was found in ``before``, drawn as a circle: green, or blue if no edge was seen; None: nothing.
    """

    caption: str
    before: NDArray[np.float32]
    after: NDArray[np.float32] | None = None
    disc: Disc | None = None


def write_contact_sheet(pairs: Iterable[Pair], number: int, target: str | Path) -> None:
    """Write before and after of each pair, five pairs a row, as one PNG.

    Args:
        pairs: taken one after the other, so that only one need be in memory.
        number: of pairs, at least one.
        target: the file to make or replace.

    Raises:
        OSError: ``target`` cannot be written.
    """
    width, height = 2 * _CELL + 3 * _GAP, _CELL + _TEXT + _GAP
    sheet = Image.new("RGB", (_PAIRS * width, -(-number // _PAIRS) * height + _GAP), _PAPER)
    for place, pair in enumerate(pairs):
        left, top = place % _PAIRS * width + _GAP, place // _PAIRS * height + _GAP
        caption = Image.new("RGB", (2 * _CELL + _GAP, _TEXT), _PAPER)
        ImageDraw.Draw(caption).text((0, 0), pair.caption, _INK)
        sheet.paste(caption, (left, top))
        sheet.paste(_before(pair), (left, top + _TEXT))
        if pair.after is not None:
            sheet.paste(_small(pair.after)[0], (left + _CELL + _GAP, top + _TEXT))
    with atomic_path(target) as temporary:
        sheet.save(temporary)


def _before(pair: Pair) -> Image.Image:
    cell, scale, across, down = _small(pair.before)
    if pair.disc is not None:
        x, y, radius = across + scale * pair.disc.column, down + scale * pair.disc.row, scale * pair.disc.radius
        colour = _FOUND if pair.disc.edge_seen else _ASSUMED
        ImageDraw.Draw(cell).ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour)
    return cell


def _small(picture: NDArray[np.float32]) -> tuple[Image.Image, float, int, int]:
    """Return the picture in the middle of a cell, its scale, and the columns left of it and rows above it."""
    image = Image.fromarray(np.rint(picture.transpose(1, 2, 0) * 255).astype(np.uint8))
    scale = _CELL / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    across, down = (_CELL - width) // 2, (_CELL - height) // 2
    cell = Image.new("RGB", (_CELL, _CELL), _PAPER)
    cell.paste(image.resize((width, height), Image.Resampling.BILINEAR), (across, down))
    return cell, scale, across, down
