"""Panels: several pairs of axes in one figure, one panel a class, and the style of the figures of an analysis."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from monai_mocoi.figures.canvas import new_figure, parts_of

TEXT = 8  # points: of what is beside axes; 7 is the least that a paper prints
SMALL = 7
MARKERS = "osD^vPX*"
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def new_panels(count: int, width: float, height: float, a_row: int, shared: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` panels in rows of ``a_row`` at most; sizes of one panel with its labels, in inches.

    ``shared``: all have the limits of one, and numbers are at the left and at the bottom only.
    """
    columns = min(count, a_row)
    rows = -(-count // columns)
    figure, one = new_figure(columns * width, rows * height)
    one.remove()
    figure.set_layout_engine("constrained", wspace=0.08, hspace=0.08)
    panels: list[Axes] = []
    for place in range(count):
        like = panels[0] if shared and panels else None
        axes = figure.add_subplot(rows, columns, place + 1, sharex=like, sharey=like)
        if shared:
            axes.label_outer() if place + columns < count else axes.tick_params(labelleft=place % columns == 0)
        panels.append(axes)
        bare(axes)
    return figure, panels


def bare(axes: Axes) -> None:
    """Without the lines above and at the right, and with numbers of the size that a paper prints."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(TEXT)
    axes.title.set_fontsize(TEXT)


PANELS_A_FIGURE = 16  # classes of one figure; more of them are spread over several
_COLUMNS = 4


def panels(
    classes: Mapping[str, Any], width: float, height: float, head: float = 0.4
) -> Iterator[tuple[Figure, list[tuple[str, Any, SubplotSpec, bool]]]]:
    """Room for each class: panels of ``width`` x ``height`` inches, with ``head`` above all for the legend.

    Yields a figure, and for each of its panels the class, what is drawn, the place, and whether it is the first one.
    """
    for part in parts_of(list(classes.items()), PANELS_A_FIGURE):
        columns = min(_COLUMNS, math.ceil(math.sqrt(len(part))))  # near a square: five are three and two
        rows = -(-len(part) // columns)
        figure, axes = new_figure(width * columns + 0.3, height * rows + head)
        axes.remove()
        size = figure.get_size_inches()
        sides = {"left": 0.72 / size[0], "right": 1 - 0.2 / size[0]}
        ends = {"bottom": 0.45 / size[1], "top": 1 - (head + 0.28) / size[1]}
        grid = figure.add_gridspec(rows, columns, **sides, **ends, wspace=0.42, hspace=0.42)
        yield figure, [(name, own, grid[divmod(i, columns)], i == 0) for i, (name, own) in enumerate(part)]
