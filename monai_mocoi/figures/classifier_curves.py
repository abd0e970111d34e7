"""ROC and precision-recall curves of a classifier's predictions as RGB arrays.

They are small, with large letters: TensorBoard shows pictures some 330 pixels wide until one is clicked.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from monai_mocoi.data import Predictions
from monai_mocoi.figures.canvas import COLOURS, RGB, WIDTH, class_name, finished, new_figure, parts_of, title_height
from monai_mocoi.metrics import average_precision, confusion_over_known, decide, is_known, ranked_columns, roc_auc

CURVES_A_FIGURE = len(COLOURS)


def roc_figures(predictions: Predictions, about: str = "", thresholds: Sequence[float] | None = None) -> list[RGB]:
    """Draw the ROC curve of each class of which there are positive and negative images.

    Multiclass: each against the rest (of two classes the second alone). ``about``: what the predictions are of, above
    the figure. ``thresholds``: of the findings, one per class: each has its dot on the curve. None: unknown, or
    multiclass. Returns ``(height, width, 3)`` arrays, one for each 8 classes; none if no class has a curve.
    """
    return _curve_figures(predictions, about, thresholds, recall=False)


def precision_recall_figures(
    predictions: Predictions, about: str = "", thresholds: Sequence[float] | None = None
) -> list[RGB]:
    """Draw precision-recall curves, with average precision and share of positives; otherwise as :func:`roc_figures`."""
    return _curve_figures(predictions, about, thresholds, recall=True)


def _curve_figures(predictions: Predictions, about: str, thresholds: Sequence[float] | None, recall: bool) -> list[RGB]:
    truth = predictions.truth()
    columns = ranked_columns(predictions.kind, len(predictions.classes))
    both = (truth == 1).any(axis=0) & (truth == 0).any(axis=0)
    limits = None if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    result = []
    for part in parts_of(columns[both[columns]], CURVES_A_FIGURE):
        titles, legend = title_height(1, about), 0.15 + 0.215 * len(part)
        height = titles + 3.6 + legend
        figure, axes = new_figure(WIDTH, height)
        axes.set_position((0.13, (legend + 0.5) / height, 0.84, (3.6 - 0.55) / height))
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.3)
        title = _draw(axes, predictions, truth, part, limits, recall)
        figure.legend(
            *axes.get_legend_handles_labels(), loc="lower left", fontsize=11, frameon=False, borderaxespad=0.3,
            labelspacing=0.25,
        )  # fmt: skip
        result.append(finished(figure, title, about))
    return result


def _draw(
    axes: Axes,
    predictions: Predictions,
    truth: NDArray[np.int64],
    columns: NDArray[np.intp],
    limits: NDArray[np.float64] | None,
    recall: bool,
) -> str:
    """Draw the curves of some classes; returns the title."""
    for place, column in enumerate(columns):
        known = is_known(truth[:, column])
        own, said = truth[known, column], predictions.probabilities[known, column]
        name = class_name(predictions, column, limits)
        line = ("-", "--", "-.", ":")[place % 4]
        style: dict[str, Any] = {"color": COLOURS[place], "linewidth": 1.8, "linestyle": line}
        if recall:
            y, x, _ = precision_recall_curve(own, said, drop_intermediate=True)
            label = f"{average_precision(own, said):.3f} ({own.mean():.3f}) {name}"
            axes.step(x, y, where="post", label=label, **style)
        else:
            x, y, _ = roc_curve(own, said)
            axes.plot(x, y, label=f"{roc_auc(own, said):.3f} {name}", **style)
    if not recall:
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    if limits is not None:
        called = decide(predictions.probabilities[:, columns], limits[columns])
        counts = confusion_over_known(truth[:, columns], called)
        positives = counts.true_positives + counts.false_positives
        for place in range(len(columns)):
            point = 1 - counts.specificity[place], counts.sensitivity[place]
            if recall:
                if not positives[place]:
                    continue
                point = counts.sensitivity[place], counts.true_positives[place] / positives[place]
            axes.plot(*point, "o", color=COLOURS[place], markersize=7, markeredgecolor="black")
    axes.set_xlabel("recall (sensitivity)" if recall else "1 - specificity", fontsize=12)
    axes.set_ylabel("precision" if recall else "sensitivity", fontsize=12)
    title = "Average precision (share of positives)" if recall else "ROC (area under it)"
    return title + ("" if limits is None else "; dots: at the threshold")
