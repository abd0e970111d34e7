"""Reliability diagrams and decision curves of an evaluation, one panel a class."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monai_mocoi.analysis.wording import value_in_words
from monai_mocoi.figures.canvas import COLOURS, plain, short
from monai_mocoi.figures.panels import panels

_MODEL, _POSITIVES, _NEGATIVES = COLOURS[0], COLOURS[1], COLOURS[5]


def reliability_figures(calibration: Mapping[str, Any]) -> list[Figure]:
    """Draw a diagram of each class, and below it a histogram of the probabilities: figures of up to 16 classes each."""
    figures = []
    for figure, places in panels(calibration["classes"], 2.6, 3.4, head=0.75):
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
                lines = [line for own_lines, _ in handles for line in own_lines]
                labels = [str(label) for _, own_labels in handles for label in own_labels]
                figure.legend(lines, labels, loc="upper left", ncols=2, fontsize=6.5, frameon=False)
        figures.append(figure)
    return figures


def _diagram(axes: Axes, name: str, own: Mapping[str, Any], limit: float) -> None:
    axes.plot([0, 1], [0, 1], color="0.55", linewidth=0.9, linestyle="--", label="perfectly calibrated")
    bins = own["reliability"]
    x = [bin["predicted"] for bin in bins]
    axes.plot(x, [bin["observed"]["value"] for bin in bins], color=_MODEL, linewidth=1.2)
    for bin in bins:
        share, interval = bin["observed"]["value"], bin["observed"]["interval"]
        # A share of 0 or 1 is the same in every resample: that is no certainty, and shown by an open marker.
        told = interval is not None and interval[0] < interval[1]
        if told:
            axes.plot([bin["predicted"]] * 2, interval, color=_MODEL, linewidth=0.9)
        fill = _MODEL if told else "white"
        axes.plot(
            bin["predicted"], share, "o", color=_MODEL, markersize=3, markerfacecolor=fill, clip_on=False, zorder=3
        )
    axes.plot([], [], "o-", color=_MODEL, markersize=3, label="observed, interval over patients (open: none)")
    slope, intercept = own["slope"], own["intercept"]
    if slope["value"] is not None:
        words = f"slope {value_in_words(slope, digits=2)}; Brier {own['brier']['value']:.3f}\n"
        words += f"intercept {value_in_words(intercept, digits=2)}"
        axes.text(0.5, 1.03, words, transform=axes.transAxes, ha="center", va="bottom", fontsize=6.5)
    axes.set(xlim=(0, limit), ylim=(0, limit), ylabel="observed share")
    axes.tick_params(labelbottom=False)
    _label(axes, name, pad=24)


def _label(axes: Axes, name: str, pad: float | None = None) -> None:
    """The style of a panel of a paper, and its title."""
    axes.set_title(plain(short(name)), fontsize=9, pad=pad)
    axes.tick_params(labelsize=7)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(8)
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


_BELOW = 0.3  # of the share of positives: how far below 0 the picture goes


def decision_curve_figures(curve: Mapping[str, Any]) -> list[Figure]:
    """Draw a curve of each class, with bands for the intervals: figures of up to 16 classes each."""
    figures = []
    for figure, places in panels(curve["classes"], 2.6, 2.5):
        for name, own, place, first in places:
            axes = figure.add_subplot(place)
            _draw(axes, own)
            _label(axes, name)
            if first:
                figure.legend(*axes.get_legend_handles_labels(), loc="upper left", ncols=2, fontsize=7, frameon=False)
        figures.append(figure)
    return figures


def _draw(axes: Axes, own: Mapping[str, Any]) -> None:
    x, share = np.array(own["thresholds"]), own["share_of_positives"]
    _curve(axes, x, own["treat_all"], COLOURS[1], "--", "treat all")
    axes.axhline(0, color=COLOURS[7], linewidth=1.0, linestyle=":", label="treat none")
    _curve(axes, x, own["model"], COLOURS[0], "-", "model")
    tops = [number["interval"][1] if number["interval"] else number["value"] for number in own["model"]]
    axes.fill_between([], [], color="0.6", alpha=0.4, linewidth=0, label="bands: intervals over patients")
    highest = max(share, *tops)
    axes.set(xlim=(0, x[-1]), ylim=(-_BELOW * share, 1.12 * highest), xlabel="threshold probability")
    axes.set_ylabel("net benefit")


def _curve(axes: Axes, x: np.ndarray, found: Sequence[Mapping[str, Any]], colour: str, style: str, name: str) -> None:
    axes.plot(x, [number["value"] for number in found], color=colour, linewidth=1.3, linestyle=style, label=name)
    if all(number["interval"] is not None for number in found):
        low, high = np.array([number["interval"] for number in found]).T
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
