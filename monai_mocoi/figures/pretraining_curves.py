"""Curves of pretraining: loss against guessing, and online probes, by epoch; one line an encoder."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from monai_mocoi.figures.canvas import COLOURS, plain, short
from monai_mocoi.figures.panels import DASHES, TEXT, bare, new_panels

Curve = Sequence[tuple[float, float]]
"""Epoch and value."""


def pretraining_curves_figure(
    panels: Mapping[str, tuple[Mapping[str, Curve], float]], arms: Mapping[str, str], order: Sequence[str]
) -> Figure:
    """Draw a panel for each entry: its title, the curve of each encoder, and the value of guessing.

    ``arms``: of each encoder the arm that colours it. ``order``: all arms, so that one has the same colour everywhere.
    """
    figure, axes_of = new_panels(len(panels), 3.4, 2.7, a_row=2)
    seen: dict[str, Line2D] = {}
    for axes, (title, (curves, guessing)) in zip(axes_of, panels.items(), strict=True):
        for encoder, curve in curves.items():
            number = order.index(arms[encoder])
            (line,) = axes.plot(
                *zip(*curve, strict=True), color=COLOURS[number % len(COLOURS)], linewidth=1.1,
                linestyle=DASHES[number % len(DASHES)], marker="." if len(curve) < 3 else None,
            )  # fmt: skip
            seen.setdefault(arms[encoder], line)
        axes.axhline(guessing, color="0.5", linewidth=0.9, linestyle=":")
        axes.set_title(plain(title), loc="left", fontsize=TEXT)
        axes.set_xlabel("epoch", fontsize=TEXT)
        axes.grid(axis="y", alpha=0.3, linewidth=0.6)
        bare(axes)
    lines = [seen[arm] for arm in order if arm in seen]
    names = [plain(short(arm)) for arm in order if arm in seen]
    figure.legend(lines, names, loc="outside upper left", fontsize=TEXT, frameon=False, ncols=4)
    return figure
