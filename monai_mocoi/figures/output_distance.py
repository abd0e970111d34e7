"""Figures of output distances: distribution functions of two classifiers, and their largest gap."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from monai_mocoi.analysis.wording import value_in_words
from monai_mocoi.data import Predictions
from monai_mocoi.figures.canvas import COLOURS, plain
from monai_mocoi.figures.names import short
from monai_mocoi.figures.panels import SMALL, TEXT, new_panels

CLASSES_A_FIGURE = 16
"""More are spread over several figures."""


def output_distance_figures(
    first: Predictions, second: Predictions, distance: Mapping[str, Any], names: tuple[str, str]
) -> list[Figure]:
    """Draw the share of images with at most a probability, against that probability, of both classifiers.

    ``distance`` is of :func:`~monai_mocoi.analysis.compare_outputs`, ``names`` are for the legend. Returns a figure for
    each 16 classes, of a panel a class.
    """
    classes = list(distance["classes"])
    parts = [classes[start : start + CLASSES_A_FIGURE] for start in range(0, len(classes), CLASSES_A_FIGURE)]
    return [_figure(first, second, distance, names, part) for part in parts]


def _figure(
    first: Predictions, second: Predictions, distance: Mapping[str, Any], names: tuple[str, str], classes: list[str]
) -> Figure:
    alone = len(classes) == 1
    figure, panels = new_panels(len(classes), 3.5 if alone else 1.75, 2.9 if alone else 1.75, a_row=4, shared=True)
    for axes, name in zip(panels, classes, strict=True):
        own = distance["classes"][name]
        for predictions, label, colour, line in zip((first, second), names, COLOURS, ("-", "--"), strict=False):
            values = np.sort(predictions.probabilities[:, predictions.classes.index(name)])
            shares = np.arange(1, len(values) + 1) / len(values)
            ends = ([0.0, *values, 1.0], [0.0, *shares, 1.0])
            axes.step(*ends, where="post", color=colour, linestyle=line, linewidth=1.2, label=plain(label))
        gap = [own["first_share"], own["second_share"]]
        axes.plot([own["at"]] * 2, gap, color="black", linewidth=1.2, marker="_", markersize=5)
        text = f"KS {value_in_words(own, digits=2)}"
        axes.text(0.97, 0.04, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=SMALL)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.set_title(plain(short(name)), fontsize=TEXT, loc="left")
    figure.supxlabel("probability", fontsize=TEXT)
    figure.supylabel("share of images with at most it", fontsize=TEXT)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper right", fontsize=TEXT, ncols=2, frameon=False
    )
    return figure
