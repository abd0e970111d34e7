"""Decision curves: the net benefit of a classifier beside that of treating everybody, and nobody."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monai_mocoi.figures.canvas import COLOURS, plain
from monai_mocoi.figures.class_panels import panels
from monai_mocoi.figures.names import short

_BELOW = 0.3  # of the share of positives: how far below 0 the picture goes


def decision_curve_figures(curve: Mapping[str, Any]) -> list[Figure]:
    """Draw a curve of each class, with bands for the intervals: figures of up to 16 classes each."""
    figures = []
    for figure, places in panels(curve["classes"], 2.6, 2.5):
        for name, own, place, first in places:
            axes = figure.add_subplot(place)
            _draw(axes, name, own)
            if first:
                figure.legend(*axes.get_legend_handles_labels(), loc="upper left", ncols=2, fontsize=7, frameon=False)
        figures.append(figure)
    return figures


def _draw(axes: Axes, name: str, own: Mapping[str, Any]) -> None:
    x, share = np.array(own["thresholds"]), own["share_of_positives"]
    _curve(axes, x, own["treat_all"], COLOURS[1], "--", "treat all")
    axes.axhline(0, color=COLOURS[7], linewidth=1.0, linestyle=":", label="treat none")
    _curve(axes, x, own["model"], COLOURS[0], "-", "model")
    tops = [number["interval"][1] if number["interval"] else number["value"] for number in own["model"]]
    axes.fill_between([], [], color="0.6", alpha=0.4, linewidth=0, label="bands: intervals over patients")
    highest = max(share, *tops)
    axes.set(xlim=(0, x[-1]), ylim=(-_BELOW * share, 1.12 * highest), xlabel="threshold probability")
    axes.set_ylabel("net benefit")
    axes.set_title(plain(short(name)), fontsize=9)
    axes.tick_params(labelsize=7)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    axes.grid(alpha=0.25, linewidth=0.5)


def _curve(axes: Axes, x: np.ndarray, found: Sequence[Mapping[str, Any]], colour: str, style: str, name: str) -> None:
    axes.plot(x, [number["value"] for number in found], color=colour, linewidth=1.3, linestyle=style, label=name)
    if all(number["interval"] is not None for number in found):
        low, high = np.array([number["interval"] for number in found]).T
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
