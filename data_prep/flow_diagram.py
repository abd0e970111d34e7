"""Layout of a flow diagram: the boxes, texts and arrows of every file from found to used."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_prep.account import Count, Step

WIDTH = 720  # of the drawing, in its own units; a letter of a text takes 6 to 7, depending on the font
_MAIN, _SIDE, _GAP, _PAD, _LINE = 300, 370, 26, 11, 17
_MAIN_LETTERS, _SIDE_LETTERS = 36, 40
_NUMBER = 56  # of the side boxes: where the numbers end


@dataclass(frozen=True)
class Box:
    """A rectangle; ``kind`` is "station", "left-out", "used" or "split"."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True)
class Text:
    """A line of text; ``kind`` is "name", "number", "reason", "out" (the number of a reason), "total" or "more"."""

    x: float
    y: float
    text: str
    kind: str


@dataclass
class Diagram:
    """What is drawn, from above; the width is :data:`WIDTH`."""

    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    arrows: list[tuple[float, float, float, float]] = field(default_factory=list)  # x and y of start and end
    lines: list[tuple[float, float, float, float]] = field(default_factory=list)  # likewise, without a head


def flow_diagram(
    flow: Sequence[Step], splits: Mapping[str, Count], used: str = "Images in the dataset folder"
) -> Diagram:
    """Lay out a diagram in the manner of CONSORT: stations downward, what is left out beside them, splits below.

    ``used``: what the images are called that are left after the last station.
    """
    drawing = Diagram()
    y = 1.0
    for step in flow:
        y = _station(drawing, step, y)
    left = sum(count.images for count in splits.values())
    _texts(drawing, 1, y, [used], f"{left:,}")
    drawing.boxes.append(Box(1, y, _MAIN, 2 * _LINE + 2 * _PAD, "used"))
    _splits(drawing, splits, y + 2 * _LINE + 2 * _PAD)
    return drawing


def _station(drawing: Diagram, step: Step, y: float) -> float:
    """Draw one, and return where the next one begins."""
    names = textwrap.wrap(step.name, _MAIN_LETTERS) or [""]
    more = f"+ {step.more:,} further frames of these files" if step.more else ""
    height = (len(names) + 1 + bool(more)) * _LINE + 2 * _PAD
    drawing.boxes.append(Box(1, y, _MAIN, height, "station"))
    _texts(drawing, 1, y, names, f"{step.entered:,}")
    if more:
        drawing.texts.append(Text(1 + _PAD, y + height - _PAD - 4, more, "more"))
    reasons = {reason: number for reason, number in step.left_out.items() if number}
    side = _left_out(drawing, reasons, y, height) if reasons else 0
    bottom = y + max(height, side) + _GAP
    drawing.arrows.append((1 + _MAIN / 2, y + height, 1 + _MAIN / 2, bottom))
    return bottom


def _texts(drawing: Diagram, x: float, y: float, names: Sequence[str], number: str) -> None:
    for place, name in enumerate([*names, number]):
        kind = "number" if place == len(names) else "name"
        drawing.texts.append(Text(x + _PAD, y + _PAD + (place + 1) * _LINE - 4, name, kind))


def _left_out(drawing: Diagram, reasons: Mapping[str, int], y: float, height: float) -> float:
    """Draw the box beside a station, and return its height."""
    x = WIDTH - _SIDE - 1
    line = y + _PAD
    for kind, number, words in [
        ("total", sum(reasons.values()), "left out"),
        *(("out", number, reason) for reason, number in sorted(reasons.items(), key=lambda own: (-own[1], own[0]))),
    ]:
        drawing.texts.append(Text(x + _NUMBER, line + _LINE - 4, f"{number:,}", kind))
        for part in textwrap.wrap(words, _SIDE_LETTERS) or [""]:
            drawing.texts.append(Text(x + _NUMBER + 9, line + _LINE - 4, part, "reason" if kind == "out" else "name"))
            line += _LINE
    drawing.boxes.append(Box(x, y, _SIDE, line + _PAD - y, "left-out"))
    drawing.arrows.append((1 + _MAIN, y + height / 2, x, y + height / 2))
    return line + _PAD - y


def _splits(drawing: Diagram, splits: Mapping[str, Count], y: float) -> None:
    gap, number = 14, max(1, len(splits))
    width = (WIDTH - 2 - (number - 1) * gap) / number
    beam, top = y + _GAP / 2, y + 1.4 * _GAP
    centres = [1 + place * (width + gap) + width / 2 for place in range(len(splits))]
    ends = [1 + _MAIN / 2, *centres]
    drawing.lines += [(ends[0], y, ends[0], beam), (min(ends), beam, max(ends), beam)]
    for centre, (split, count) in zip(centres, splits.items(), strict=True):
        x = centre - width / 2
        drawing.arrows.append((centre, beam, centre, top))
        drawing.boxes.append(Box(x, top, width, 3 * _LINE + 2 * _PAD, "split"))
        _texts(drawing, x, top, [split], f"{count.images:,} images")
        drawing.texts.append(Text(x + _PAD, top + _PAD + 3 * _LINE - 4, f"{count.patients:,} patients", "reason"))
    drawing.height = top + 3 * _LINE + 2 * _PAD + 1
