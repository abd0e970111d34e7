"""Figures of an analysis: distribution functions of two classifiers' outputs, and a probing by stage."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from monai_mocoi.analysis.wording import value_in_words
from monai_mocoi.data import Predictions
from monai_mocoi.figures.canvas import COLOURS, new_figure, parts_of, plain, short
from monai_mocoi.figures.panels import DASHES, MARKERS, SMALL, TEXT, bare, new_panels

CLASSES_A_FIGURE = 16  # more are spread over several figures


def output_distance_figures(
    first: Predictions, second: Predictions, distance: Mapping[str, Any], names: tuple[str, str]
) -> list[Figure]:
    """Draw the distribution functions of both classifiers' outputs, a panel per class, a figure for each 16 classes.

    ``distance`` is of :func:`~monai_mocoi.analysis.compare_outputs`, ``names`` are for the legend.
    """
    parts = parts_of(list(distance["classes"]), CLASSES_A_FIGURE)
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


_WORDS = {"macro_auc": "macro AUC", "macro_average_precision": "macro average precision", "macro_f1": "macro F1"}


def probing_figure(probing: Mapping[str, Any]) -> Figure | None:
    """Draw the metric on test by stage, a line for each label fraction, with intervals; None: no stage has a value."""
    metric, stages = probing["metric"], probing["stages"]
    fractions = sorted({row["label_fraction"] for row in probing["summary"]}, reverse=True)
    figure, axes = new_figure(3.5, 2.8)
    figure.set_layout_engine("constrained")
    drawn = False
    for place, fraction in enumerate(fractions):
        rows = {row["stage"]: row for row in probing["summary"] if row["label_fraction"] == fraction}
        found = [(i, rows[stage]["metrics"][metric]) for i, stage in enumerate(stages) if stage in rows]
        found = [(i, number) for i, number in found if number["value"] is not None]
        if not found:
            continue
        drawn = True
        shift = 0.3 / max(len(fractions), 1) * (place - (len(fractions) - 1) / 2)
        at = np.array([i for i, _ in found]) + shift
        values = np.array([number["value"] for _, number in found])
        ends = np.array([number["interval"] or [number["value"]] * 2 for _, number in found]).T
        # "all" is not a fifth stage: no line leads to it.
        whole = np.array([stages[i] == "all" for i, _ in found])
        marker = MARKERS[place % len(MARKERS)]
        style: dict[str, Any] = {"color": COLOURS[place % len(COLOURS)], "marker": marker, "markersize": 4}
        errors = np.maximum(np.abs(ends - values), 0)
        axes.errorbar(at, values, errors, **style, linestyle="none", elinewidth=1, capsize=2)
        line = DASHES[place % len(DASHES)]
        share = "all labels" if fraction == 1 else f"{100 * fraction:g} % of the labels"
        fewest = min(row["labelled_images"][0] for row in rows.values())
        most = max(row["labelled_images"][1] for row in rows.values())
        label = f"{share} ({fewest:,}{'' if fewest == most else f'-{most:,}'} images)"
        axes.plot(at[~whole], values[~whole], **style, linestyle=line, linewidth=1.1, label=label)
    if not drawn:
        return None
    axes.set_xticks(range(len(stages)), ["all four" if stage == "all" else str(stage) for stage in stages])
    axes.set(xlabel="stage", ylabel=f"{_WORDS.get(metric, metric)} on test")
    bare(axes)
    figure.legend(loc="outside upper left", fontsize=SMALL, frameon=False)
    return figure
