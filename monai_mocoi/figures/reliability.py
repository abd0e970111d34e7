"""Reliability diagrams: the observed share of positives beside the mean predicted probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monai_mocoi.figures.canvas import COLOURS, plain
from monai_mocoi.figures.class_panels import panels
from monai_mocoi.figures.classifier import short

_MODEL, _POSITIVES, _NEGATIVES = COLOURS[0], COLOURS[1], COLOURS[5]


def reliability_figures(calibration: Mapping[str, Any]) -> list[Figure]:
    """Draw a diagram of each class, and below it where the probabilities lie.

    Args:
        calibration: of :func:`~monai_mocoi.analysis.describe_calibration`.

    Returns:
        figures of up to 16 classes each; none without classes.
    """
    figures = []
    for figure, places in panels(calibration["classes"], 2.6, 3.3):
        for name, own, place, first in places:
            rows = place.subgridspec(2, 1, height_ratios=[4, 1], hspace=0.12)
            above, below = figure.add_subplot(rows[0]), figure.add_subplot(rows[1])
            edges = np.array(own["histogram"]["edges"])
            highest = [max(bin["predicted"], bin["observed"]["value"]) for bin in own["reliability"]]
            limit = min(1.0, max(edges[-1], 1.05 * max(highest)))
            _diagram(above, name, own, limit)
            _histogram(below, own["histogram"], edges, limit)
            if first:
                handles = [above.get_legend_handles_labels(), below.get_legend_handles_labels()]
                lines, labels = ([part for own in handles for part in own[i]] for i in (0, 1))
                figure.legend(lines, labels, loc="upper left", ncols=2, fontsize=6.5, frameon=False)
        figures.append(figure)
    return figures


def _diagram(axes: Axes, name: str, own: Mapping[str, Any], limit: float) -> None:
    axes.plot([0, 1], [0, 1], color="0.55", linewidth=0.9, linestyle="--", label="perfectly calibrated")
    bins = own["reliability"]
    x = [bin["predicted"] for bin in bins]
    axes.plot(x, [bin["observed"]["value"] for bin in bins], color=_MODEL, linewidth=1.2, marker="o", markersize=3,
              label="observed, interval")  # fmt: skip
    for bin in bins:
        if bin["observed"]["interval"] is not None:
            axes.plot([bin["predicted"]] * 2, bin["observed"]["interval"], color=_MODEL, linewidth=0.9)
    slope, intercept = own["slope"]["value"], own["intercept"]["value"]
    if slope is not None:
        words = f"slope {slope:.2f}\nintercept {intercept:.2f}\nBrier {own['brier']['value']:.3f}"
        axes.text(0.05, 0.95, words, transform=axes.transAxes, va="top", fontsize=7)
    axes.set(xlim=(0, limit), ylim=(0, limit), ylabel="observed share")
    axes.set_title(plain(short(name)), fontsize=9)
    axes.tick_params(labelsize=7, labelbottom=False)
    axes.yaxis.label.set_fontsize(8)
    axes.grid(alpha=0.25, linewidth=0.5)


def _histogram(axes: Axes, histogram: Mapping[str, Any], edges: np.ndarray, limit: float) -> None:
    for kind, colour in (("negatives", _NEGATIVES), ("positives", _POSITIVES)):
        counts = np.array(histogram[kind], dtype=float)
        axes.stairs(counts / max(counts.sum(), 1), edges, color=colour, fill=kind == "negatives",
                    alpha=0.6 if kind == "negatives" else 1.0, linewidth=1.2, label=f"share of {kind}")  # fmt: skip
    axes.set(xlim=(0, limit), xlabel="predicted probability", ylabel="share")
    axes.tick_params(labelsize=7)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    axes.locator_params(axis="y", nbins=2)
