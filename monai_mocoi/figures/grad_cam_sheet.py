"""Grad-CAM sheet: a picture, the heat of one class over it, and texts."""

import re
from collections.abc import Sequence

import numpy as np
import torch

from monai_mocoi.figures.canvas import RGB
from monai_mocoi.figures.sheet import CAPTION, FAINT, GAP, PAPER, TITLE, beside, enlarged, stacked, text_block

FEWEST_FIELDS = 4  # a side; a map of fewer shows no place
_STRONGEST = 0.6  # share of the colour at a heat of 1; the rest is the picture
LEAST_SIDE = 256  # pixels; smaller pictures are enlarged to it

_BAR, _LABEL = 20, 84  # pixels: width of the scale of colours, and of the words beside it


def grad_cam_sheet(title: str, picture: RGB, overlaid: RGB, scale: RGB, below: tuple[str, str], notes: str) -> RGB:
    """Draw the picture, the same with the heat over it, the scale of colours, and texts; ``below``: their captions.

    Pictures are ``(H, W, 3)``, the scale ``(N, 1, 3)`` from no heat to the strongest. Returns ``(height, width, 3)``
    array; a picture's longer side has 256 pixels or more.
    """
    side = max(LEAST_SIDE, *picture.shape[:2])
    shown = [enlarged(one, side) for one in (picture, overlaid)]
    height, width = shown[0].shape[:2]
    wide = max(width, LEAST_SIDE)  # of a narrow picture's caption
    cells = [_above(one, text_block(caption, wide, CAPTION)) for one, caption in zip(shown, below, strict=True)]
    places = np.linspace(len(scale) - 1, 0, height).round().astype(int)
    bar = np.repeat(scale[places], _BAR, axis=1)
    words = np.full((height, _LABEL, 3), PAPER, dtype=np.uint8)
    strongest, none = (text_block(word, _LABEL, CAPTION, FAINT) for word in ("strongest", "none"))
    words[: len(strongest)], words[-len(none) :] = strongest, none
    row = beside([*cells, bar, words])
    full = row.shape[1]
    return stacked([text_block(title, full, TITLE), row, text_block(notes, full, CAPTION, FAINT)], full + 2 * GAP)


def _above(picture: RGB, caption: RGB) -> RGB:
    cell = np.full((len(picture) + len(caption) + 4, caption.shape[1], 3), PAPER, dtype=np.uint8)
    cell[: len(picture), : picture.shape[1]] = picture
    cell[len(picture) + 4 :] = caption
    return cell


def heat_sheet(title: str, picture: torch.Tensor, heat: torch.Tensor, fields: tuple[int, int]) -> RGB:
    """The sheet of a picture ``(C, H, W)``, C = 1 or 3, 0 (black) to 1, and its heat ``(H, W)`` in 0..1.

    ``title``: what is shown, and what was decided. ``fields``: rows and columns of the map that the heat comes from.
    """
    what = "no heat: no place in the picture speaks for it"
    if heat.any():
        coarse = ": too few to show a place" if min(fields) < FEWEST_FIELDS else ""
        what = f"evidence for it, from a map of {_by(*fields)} fields{coarse}"
    notes = (
        "The heat shows what this network used, not where a disease is. It is scaled for this picture and class alone: "
        "two sheets cannot be compared."
    )
    scale = overlay(torch.full((1, 256, 1), 0.75), torch.linspace(0, 1, 256).reshape(-1, 1))
    plain, heated = overlay(picture, torch.zeros_like(heat)), overlay(picture, heat)
    seen = f"as the network sees it, {_by(*picture.shape[-2:])} pixels"
    return grad_cam_sheet(title, plain, heated, scale, (seen, what), notes)


def overlay(picture: torch.Tensor, heat: torch.Tensor) -> np.ndarray:
    """Lay a heat over a picture.

    ``picture``: ``(C, H, W)``, C = 1 or 3, 0 (black) to 1; what lies outside is cut off. ``heat``: ``(H, W)`` in 0..1.
    Colour c(h) = (3 h, 3 h - 1, 3 h - 2), each cut off to 0..1, covers 0.6 h of the picture. Returns ``(H, W, 3)``
    uint8.
    """
    steps = torch.arange(3, dtype=heat.dtype).reshape(3, 1, 1)
    colour = (3 * heat - steps).clamp(0, 1)
    share = _STRONGEST * heat
    mixed = picture.clamp(0, 1).expand(3, -1, -1) * (1 - share) + colour * share
    return (mixed * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _by(rows: int, columns: int) -> str:
    return f"{rows}\N{NO-BREAK SPACE}x\N{NO-BREAK SPACE}{columns}"


def file_names(classes: Sequence[str]) -> list[str]:
    """Names of classes as parts of file names: letters, digits and lines; no two alike, capitals or not."""
    names = [re.sub(r"\W+", "_", name).strip("_") for name in classes]
    if all(names) and len({name.lower() for name in names}) == len(names):
        return names
    return [f"{name}_{number}" for number, name in enumerate(names, start=1)]
