"""Sheets of pictures with captions, drawn with Pillow: several times faster than matplotlib figures."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from monai_mocoi.figures.canvas import RGB
from monai_mocoi.files.atomic_write import write_bytes

GAP = 8  # pixels between pictures, and around the sheet
PAPER, INK, FAINT = (255, 255, 255), (0, 0, 0), (96, 96, 96)
TITLE, CAPTION = 17, 15  # pixels
_LEAST_CELL = 120  # pixels, for a caption's sake


@dataclass(frozen=True)
class Captioned:
    """A picture ``(H, W, 3)`` uint8 and the lines of text below it; one that is too long goes on in the next line."""

    picture: RGB
    caption: str


@dataclass(frozen=True)
class Part:
    """Pictures that belong together, and the text above them; empty: none."""

    heading: str
    pictures: Sequence[Captioned]


def as_rgb(picture: NDArray[np.float32]) -> RGB:
    """``(C, H, W)``, C 1 or 3, 0 (black) to 1, others cut off, as ``(H, W, 3)`` uint8."""
    shown = np.broadcast_to(picture, (3, *picture.shape[1:])).transpose(1, 2, 0)
    return np.rint(shown.clip(0, 1) * 255).astype(np.uint8)


def enlarged(picture: RGB, side: int) -> RGB:
    """The picture with ``side`` pixels on its longer side."""
    scale = side / max(picture.shape[:2])
    height, width = (max(1, round(length * scale)) for length in picture.shape[:2])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def picture_sheet(title: str, parts: Sequence[Part], columns: int = 3, side: int = 176) -> RGB:
    """Draw pictures in rows, each above its caption; a part without pictures has its heading alone.

    ``columns``: pictures per row; three of 176 pixels can be read at the width of TensorBoard's tiles. ``side``: pixels
    of a picture's longer side. Returns ``(height, width, 3)`` array.
    """
    shown = [[Captioned(enlarged(one.picture, side), one.caption) for one in part.pictures] for part in parts]
    cell = max([_LEAST_CELL, *(one.picture.shape[1] for pictures in shown for one in pictures)])
    width = columns * (cell + GAP) + GAP
    blocks = [text_block(title, width - 2 * GAP, TITLE)]
    for part, pictures in zip(parts, shown, strict=True):
        if part.heading:
            blocks.append(text_block(part.heading, width - 2 * GAP, TITLE))
        for start in range(0, len(pictures), columns):
            blocks.append(_row(pictures[start : start + columns], cell))
    return stacked(blocks, width)


def stacked(blocks: Sequence[RGB], width: int) -> RGB:
    """Blocks one below the other on paper of this width, a gap around each."""
    height = GAP + sum(len(block) + GAP for block in blocks)
    sheet = np.full((height, width, 3), PAPER, dtype=np.uint8)
    top = GAP
    for block in blocks:
        sheet[top : top + len(block), GAP : GAP + block.shape[1]] = block
        top += len(block) + GAP
    return sheet


def beside(blocks: Sequence[RGB]) -> RGB:
    """Blocks one beside the other, their upper edges in line, a gap between two."""
    stack = stacked([block.swapaxes(0, 1) for block in blocks], max(len(block) for block in blocks) + 2 * GAP)
    return stack.swapaxes(0, 1)[GAP:-GAP, GAP:-GAP]


def text_block(text: str, width: int, size: int, ink: tuple[int, int, int] = INK) -> RGB:
    """Text as a picture ``(height, width, 3)`` of this width, its lines broken where they are too long.

    ``size`` is of the letters, in pixels; letters that the font lacks are boxes; without text the height is 0.
    """
    lines = broken(text, width, size) if text else []
    height = round(size * 1.3)
    block = Image.new("RGB", (width, max(1, height * len(lines))), PAPER)
    draw = ImageDraw.Draw(block)
    for number, line in enumerate(lines):
        draw.text((0, number * height), line, ink, _font(size))
    return np.asarray(block)[: height * len(lines)]


def broken(text: str, width: int, size: int) -> list[str]:
    """The lines of a text that fit a width in pixels: broken between words, a word that is too long within it."""
    lines = []
    for given in text.split("\n"):
        line = ""
        for word in given.split(" "):
            longer = f"{line} {word}" if line else word
            if line and _font(size).getlength(longer) > width:
                lines.append(line)
                longer = word
            while len(longer) > 1 and _font(size).getlength(longer) > width:
                lengths = range(len(longer) - 1, 0, -1)
                fits = next(n for n in lengths if n == 1 or _font(size).getlength(longer[:n]) <= width)
                lines.append(longer[:fits])
                longer = longer[fits:]
            line = longer
        lines.append(line)
    return lines


def save_sheet(path: Path, sheet: RGB) -> None:
    """Write a sheet as PNG, in one step; the same sheet gives the same bytes. Raises OSError."""
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, "PNG")
    write_bytes(path, content.getbuffer())


def _row(pictures: Sequence[Captioned], width: int) -> RGB:
    height = max(len(one.picture) for one in pictures)
    cells = []
    for one in pictures:
        cell = np.full((height, width, 3), PAPER, dtype=np.uint8)
        cell[height - len(one.picture) :, : one.picture.shape[1]] = one.picture  # next to its caption
        cells.append(np.concatenate([cell, text_block(one.caption, width, CAPTION)]))
    return beside(cells)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font of the other figures, which comes with matplotlib; the simple layout is there on every machine."""
    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)
