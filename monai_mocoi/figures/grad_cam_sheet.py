"""One picture, the heat of one class over it, and all that is needed to read it."""

from __future__ import annotations

import numpy as np

from monai_mocoi.figures.canvas import RGB
from monai_mocoi.figures.sheet import CAPTION, FAINT, GAP, PAPER, TITLE, beside, enlarged, stacked, text_block

LEAST_SIDE = 256
"""Pixels; smaller pictures are enlarged to it."""

_BAR, _LABEL = 20, 84  # pixels: width of the scale of colours, and of the words beside it


def grad_cam_sheet(title: str, picture: RGB, overlaid: RGB, scale: RGB, below: tuple[str, str], notes: str) -> RGB:
    """Draw the picture, the same with the heat over it, the scale of colours, and texts.

    Args:
        title, notes: what is shown, and what was decided; what the heat means.
        picture, overlaid: ``(H, W, 3)``.
        scale: ``(N, 1, 3)``, the colours from no heat to the strongest.
        below: captions of the two.

    Returns:
        ``(height, width, 3)`` array; a picture's longer side has 256 pixels or more.
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
