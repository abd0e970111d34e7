"""Forest plot of paired differences: one a row, with its interval, filled where it is shown."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from monai_mocoi.figures.canvas import COLOURS, new_figure, plain
from monai_mocoi.figures.panels import SMALL, TEXT

_ROW, _MARGIN, _LEFT, _WIDTH = 0.23, 0.75, 2.6, 6.2  # inches


class DifferenceRow(NamedTuple):
    """A row: what is compared, the difference with its interval, and whether it is shown; a heading has no value."""

    text: str
    value: float | None = None
    low: float = 0.0
    high: float = 0.0
    shown: bool = False


def differences_figure(rows: Sequence[DifferenceRow], unit: str) -> Figure:
    """Draw the rows from above. ``unit``: of the numbers, for the axis."""
    height = _MARGIN + _ROW * len(rows)
    figure, axes = new_figure(_WIDTH, height)
    axes.set_position((_LEFT / _WIDTH, 0.6 / height, 3.4 / _WIDTH, _ROW * len(rows) / height))
    for place, row in enumerate(rows):
        axes.text(
            -0.03, place, plain(row.text), transform=axes.get_yaxis_transform(), ha="right", va="center",
            fontsize=SMALL, weight="bold" if row.value is None else "normal",
        )  # fmt: skip
        if row.value is None:
            continue
        axes.plot([row.low, row.high], [place, place], color=COLOURS[0], linewidth=1.4, solid_capstyle="butt")
        fill = COLOURS[0] if row.shown else "white"
        axes.plot(row.value, place, "o", color=COLOURS[0], markerfacecolor=fill, markersize=4.5)
    axes.axvline(0, color="0.35", linewidth=0.9)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(axis="x", alpha=0.3, linewidth=0.6)
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)
    axes.set_xlabel(f"difference in {unit}, 95 % interval (filled: shown)", fontsize=TEXT)
    return figure
