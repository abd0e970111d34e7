"""Panels: several pairs of axes in one figure, and the style of the figures of an analysis."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monai_mocoi.figures.canvas import new_figure

TEXT = 8
"""Points: of what stands beside axes; 7 is the least that a paper prints."""
SMALL = 7
MARKERS = "osD^vPX*"
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def new_panels(
    count: int, width: float, height: float, a_row: int, shared: bool = False, wspace: float = 0.08
) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` panels in rows of ``a_row`` at most; sizes of one panel with its labels, in inches.

    ``shared``: all have the limits of one, and numbers are at the left and at the bottom only. ``wspace``: room between
    neighbours, as a share of a panel's width.
    """
    columns = min(count, a_row)
    rows = -(-count // columns)
    figure, one = new_figure(columns * width, rows * height)
    one.remove()
    figure.set_layout_engine("constrained", wspace=wspace, hspace=0.08)
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
