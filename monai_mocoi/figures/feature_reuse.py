"""Figures of feature reuse: CKA as a table of colours, and stage by stage."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from monai_mocoi.figures.canvas import COLOURS, new_figure, plain
from monai_mocoi.figures.panels import DASHES, MARKERS, SMALL, TEXT, bare, new_panels

_LIGHT_FROM = 0.6  # a value above has a dark cell


def reuse_matrix_figure(reuses: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw a table for each fine-tuned encoder (``names``): its stages against those before."""
    figure, panels = new_panels(len(reuses), 2.0, 2.2, a_row=4)
    figure.set_figwidth(figure.get_figwidth() + 0.8)  # of the colour bar, which else would be taken from the tables
    for place, (axes, reuse, name) in enumerate(zip(panels, reuses, names, strict=True)):
        values = np.array([[number["value"] for number in row] for row in reuse["matrix"]])
        image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
        for (row, column), value in np.ndenumerate(values):
            colour = "white" if value > _LIGHT_FROM else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=TEXT, color=colour)
        stages = [str(stage) for stage in reuse["stages"]]
        axes.set_xticks(range(len(stages)), stages)
        axes.set_yticks(range(len(stages)), stages if place % 4 == 0 else [])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(plain(name), fontsize=TEXT)
    bar = figure.colorbar(image, ax=panels, shrink=0.75, aspect=15, pad=0.02, ticks=[0, 0.5, 1])
    bar.ax.tick_params(labelsize=SMALL)
    bar.set_label("CKA", fontsize=TEXT)
    bar.outline.set_visible(False)
    figure.supxlabel("stage after fine-tuning", fontsize=TEXT)
    figure.supylabel("stage before", fontsize=TEXT)
    return figure


def reuse_figure(reuses: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw CKA of the same stage before and after, with its interval and the value of unrelated features."""
    figure, axes = new_figure(3.5, 2.8)
    figure.set_layout_engine("constrained")
    stages = np.array(reuses[0]["stages"])
    width = 0.5 / max(len(reuses), 1)
    for place, (reuse, name) in enumerate(zip(reuses, names, strict=True)):
        numbers = [reuse["same_stage"][str(stage)] for stage in stages]
        values = np.array([number["value"] for number in numbers])
        ends = np.array([number["interval"] or [value] * 2 for number, value in zip(numbers, values, strict=True)]).T
        at = stages + width * (place - (len(reuses) - 1) / 2)
        colour = COLOURS[place % len(COLOURS)]
        marker, line = MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)]
        style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": line, "label": plain(name)}
        errors = np.maximum(np.abs(ends - values), 0)
        axes.errorbar(at, values, errors, **style, markersize=4, linewidth=1.1, elinewidth=1, capsize=2)
        chance = [_chance(number["null"]) for number in numbers]
        label = "unrelated features" if place == 0 else None
        axes.plot(at, chance, color="0.45", marker="_", markersize=7, linestyle="none", label=label)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    ends_of = [number["interval"] for reuse in reuses for number in reuse["same_stage"].values() if number["interval"]]
    lowest = min([end[0] for end in ends_of], default=0) - 0.03
    axes.set(xlabel="stage", ylabel="CKA, before and after fine-tuning", xticks=stages, ylim=(min(-0.05, lowest), 1.03))
    bare(axes)
    figure.legend(loc="outside upper left", fontsize=SMALL, frameon=False, ncols=1 if len(reuses) < 2 else 2)
    return figure


def _chance(null: Mapping[str, Any]) -> float:
    """With whole patients exchanged where that is known, else with images dealt out at random."""
    return float(null["permuted"] if null.get("exchanged") is None else null["exchanged"])
