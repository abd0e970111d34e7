"""Figure of a layer-wise probing: the metric by stage, with few labels and with all."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from monai_mocoi.figures.canvas import COLOURS, new_figure
from monai_mocoi.figures.panels import DASHES, MARKERS, SMALL, bare

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
        colour = COLOURS[place % len(COLOURS)]
        # "all" is no fifth stage: no line leads to it.
        whole = np.array([stages[i] == "all" for i, _ in found])
        style = {"color": colour, "marker": MARKERS[place % len(MARKERS)], "markersize": 4}
        errors = np.maximum(np.abs(ends - values), 0)
        axes.errorbar(at, values, errors, **style, linestyle="none", elinewidth=1, capsize=2)  # type: ignore[arg-type]
        line = DASHES[place % len(DASHES)]
        share = "all labels" if fraction == 1 else f"{100 * fraction:g} % of the labels"
        label = f"{share} ({_images(rows)})"
        axes.plot(at[~whole], values[~whole], **style, linestyle=line, linewidth=1.1, label=label)  # type: ignore[arg-type]
    if not drawn:
        return None
    axes.set_xticks(range(len(stages)), ["all four" if stage == "all" else str(stage) for stage in stages])
    axes.set(xlabel="stage", ylabel=f"{_WORDS.get(metric, metric)} on test")
    bare(axes)
    figure.legend(loc="outside upper left", fontsize=SMALL, frameon=False)
    return figure


def _images(rows: Mapping[Any, Mapping[str, Any]]) -> str:
    fewest = min(row["labelled_images"][0] for row in rows.values())
    most = max(row["labelled_images"][1] for row in rows.values())
    return f"{fewest:,} images" if fewest == most else f"{fewest:,}-{most:,} images"
