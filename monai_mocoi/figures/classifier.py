"""Figures of a classifier's predictions as RGB arrays: curves and confusion tables.

They are small, with large letters: TensorBoard shows pictures some 330 pixels wide until one is clicked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from monai_mocoi.data import Predictions
from monai_mocoi.figures.canvas import COLOURS, RGB, new_figure, plain, rendered
from monai_mocoi.metrics import (
    average_precision,
    confusion_over_known,
    decide,
    is_known,
    over_known,
    ranked_columns,
    roc_auc,
)

CURVES_A_FIGURE = len(COLOURS)
TABLES_A_FIGURE = 4
"""More than these are spread over several figures."""
NUMBERED_CLASSES = 16
"""A softmax table of more has colours, but no numbers."""
THRESHOLD = 0.5
"""From where on a finding counts as called, until its threshold is chosen."""

_LONGEST_NAME = 24
_LINE = 58  # letters that fit a title's line
_WIDTH = 5.0  # inches, of the curves and tables of findings

_Thresholds = NDArray[np.float64] | None
_Draw = Callable[[Axes, Predictions, NDArray[np.int64], NDArray[np.intp], _Thresholds], None]


def roc_figures(predictions: Predictions, about: str = "", thresholds: Sequence[float] | None = None) -> list[RGB]:
    """Draw the ROC curve of each class of which there are positive and negative images.

    Args:
        predictions: of findings, or of classes, each against the rest (of two classes the second alone).
        about: what they are of, above the figure.
        thresholds: of the findings, one a class: each has its dot on the curve. None: unknown, or multiclass.

    Returns:
        ``(height, width, 3)`` arrays, one for each 8 classes; none if no class has a curve.
    """
    return _curve_figures(predictions, about, thresholds, _draw_roc)


def precision_recall_figures(
    predictions: Predictions, about: str = "", thresholds: Sequence[float] | None = None
) -> list[RGB]:
    """Draw precision-recall curves; the legend gives the average precision and the share of positives, which is what
    guessing has. Arguments and result as for :func:`roc_figures`.
    """
    return _curve_figures(predictions, about, thresholds, _draw_precision_recall)


def confusion_figures(
    predictions: Predictions, about: str = "", thresholds: Sequence[float] | None = None
) -> list[RGB]:
    """Draw confusion tables: multiclass, of true against called classes; two by two of each finding.

    Arguments as for :func:`roc_figures`; without thresholds 0.5, and the figure says so. Returns ``(height, width, 3)``
    arrays, one for each 4 findings; none without images.
    """
    if not predictions.images:
        return []
    if predictions.kind == "softmax":
        return [_class_table(predictions, about)]
    columns = np.arange(len(predictions.classes))
    return [_finding_tables(predictions, about, thresholds, part) for part in _parts(columns, TABLES_A_FIGURE)]


def _curve_figures(predictions: Predictions, about: str, thresholds: Sequence[float] | None, draw: _Draw) -> list[RGB]:
    truth = predictions.truth()
    columns = ranked_columns(predictions.kind, len(predictions.classes))
    both = (truth == 1).any(axis=0) & (truth == 0).any(axis=0)
    limits = None if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    result = []
    for part in _parts(columns[both[columns]], CURVES_A_FIGURE):
        titles, legend = _title_height(1, about), 0.15 + 0.215 * len(part)
        height = titles + 3.6 + legend
        figure, axes = new_figure(_WIDTH, height)
        axes.set_position((0.13, (legend + 0.5) / height, 0.84, (3.6 - 0.55) / height))
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.3)
        draw(axes, predictions, truth, part, limits)
        figure.legend(
            *axes.get_legend_handles_labels(), loc="lower left", fontsize=11, frameon=False, borderaxespad=0.3,
            labelspacing=0.25,
        )  # fmt: skip
        result.append(_finished(figure, axes.get_title(), about))
    return result


def _draw_roc(
    axes: Axes, predictions: Predictions, truth: NDArray[np.int64], columns: NDArray[np.intp], limits: _Thresholds
) -> None:
    said = predictions.probabilities[:, columns]
    areas = over_known(roc_auc, truth[:, columns], said)
    for place, column in enumerate(columns):
        known = is_known(truth[:, column])
        false_positive, true_positive, _ = roc_curve(truth[known, column], said[known, place])
        label = f"{areas[place]:.3f} {_name(predictions, column, limits)}"
        axes.plot(false_positive, true_positive, label=label, **_line(place))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    if limits is not None:
        counts = confusion_over_known(truth[:, columns], decide(said, limits[columns]))
        for place, (specificity, sensitivity) in enumerate(zip(counts.specificity, counts.sensitivity, strict=True)):
            axes.plot(1 - specificity, sensitivity, "o", color=COLOURS[place], markersize=7, markeredgecolor="black")
    title = "ROC (area under it)" + ("" if limits is None else "; dots: at the threshold")
    axes.set(title=title)
    axes.set_xlabel("1 - specificity", fontsize=12)
    axes.set_ylabel("sensitivity", fontsize=12)


def _draw_precision_recall(
    axes: Axes, predictions: Predictions, truth: NDArray[np.int64], columns: NDArray[np.intp], limits: _Thresholds
) -> None:
    said = predictions.probabilities[:, columns]
    means = over_known(average_precision, truth[:, columns], said)
    for place, column in enumerate(columns):
        known = is_known(truth[:, column])
        own = truth[known, column]
        precision, recall, _ = precision_recall_curve(own, said[known, place], drop_intermediate=True)
        label = f"{means[place]:.3f} ({own.mean():.3f}) {_name(predictions, column, limits)}"
        axes.step(recall, precision, where="post", label=label, **_line(place))
    if limits is not None:
        counts = confusion_over_known(truth[:, columns], decide(said, limits[columns]))
        called = counts.true_positives + counts.false_positives
        for place in np.flatnonzero(called).tolist():
            point = counts.sensitivity[place], counts.true_positives[place] / called[place]
            axes.plot(*point, "o", color=COLOURS[place], markersize=7, markeredgecolor="black")
    title = "Average precision (share of positives)" + ("" if limits is None else "; dots: at the threshold")
    axes.set(title=title)
    axes.set_xlabel("recall (sensitivity)", fontsize=12)
    axes.set_ylabel("precision", fontsize=12)


def _class_table(predictions: Predictions, about: str) -> RGB:
    count = len(predictions.classes)
    called = predictions.probabilities.argmax(axis=1)
    table = confusion_matrix(predictions.labels, called, labels=np.arange(count))
    names = [_name(predictions, column) for column in range(count)]
    side = min(max(_WIDTH, 0.42 * count + 2.4), 9.2)
    titles, longest = _title_height(2, about), max(map(len, names)) * 0.1 + 0.2
    height = side + titles - 0.4
    figure, axes = new_figure(side, height)
    axes.set_position(
        (longest / side, longest / height, (side - longest - 0.1) / side, (height - titles - longest) / height)
    )
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    if count <= NUMBERED_CLASSES:
        for (row, column), number in np.ndenumerate(table):
            _number(axes, column, row, number, shares[row, column], 11 if count > 6 else 16)
        axes.set_xticks(range(count), names, rotation=90, fontsize=12)
        axes.set_yticks(range(count), names, fontsize=12)
    else:
        axes.set(xticks=[], yticks=[])
    return _finished(figure, "Images. Rows: true class;\ncolumns: called class, of the highest probability", about)


def _finding_tables(
    predictions: Predictions, about: str, thresholds: Sequence[float] | None, columns: NDArray[np.intp]
) -> RGB:
    """All tables in one pair of axes: one for each would take most of the time."""
    limits = np.full(len(predictions.classes), THRESHOLD) if thresholds is None else np.asarray(thresholds)
    counts = confusion_over_known(
        predictions.labels[:, columns], decide(predictions.probabilities[:, columns], limits[columns])
    )
    across = min(2, len(columns))
    down = -(-len(columns) // 2)
    height = 1.75 * down + _title_height(1, about)
    figure, axes = new_figure(_WIDTH, height)
    axes.set_position((0.01, 0.01, 0.98, 1.75 * down / height))
    axes.set_axis_off()
    for place, column in enumerate(columns):
        row, right = divmod(place, 2)
        left, top = 3.6 * right + 1.3, 3.4 * row + 1.2  # of the table itself, in cells
        table = np.array(
            [
                [counts.true_positives[place], counts.false_negatives[place]],
                [counts.false_positives[place], counts.true_negatives[place]],
            ]
        )
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, extent=(left, left + 2, top + 2, top), aspect="auto")
        for (y, x), number in np.ndenumerate(table):
            _number(axes, left + x + 0.5, top + y + 0.5, int(number), shares[y, x], 16)
        name = _name(predictions, column, None if thresholds is None else limits)
        axes.text(left - 1.25, top - 0.55, name, fontsize=11, va="bottom")
        for y, word in enumerate(("present", "absent")):
            axes.text(left - 0.08, top + y + 0.5, word, fontsize=10, ha="right", va="center")
        for x, word in enumerate(("called", "not called")):
            axes.text(left + x + 0.5, top - 0.05, word, fontsize=10, ha="center", va="bottom")
    axes.set(xlim=(0, 3.6 * max(across, 2) - 0.2), ylim=(3.4 * down, 0))
    how = "called from the threshold named"
    if thresholds is None:
        how = f"called from {THRESHOLD}; thresholds are chosen at the end"
    return _finished(figure, f"Images; {how}", about)


def _finished(figure: Figure, title: str, about: str) -> RGB:
    """Put the title and what the figure is about above it, from its left edge, and render it."""
    figure.axes[0].set_title("")
    top = 1 - 0.06 / figure.get_figheight()
    text = "\n".join([title, *(textwrap.fill(line, _LINE) for line in about.split("\n") if line)])
    figure.text(0.012, top, plain(text), fontsize=11, va="top", linespacing=1.25)
    return rendered(figure)


def _title_height(own: int, about: str) -> float:
    """Inches that a title of so many lines, and what the figure is about, take."""
    return 0.15 + 0.2 * (own + sum(len(textwrap.wrap(line, _LINE)) for line in about.split("\n")))


def _line(place: int) -> dict[str, Any]:
    """Colour and dashes of a curve: also told apart where print is grey."""
    return {"color": COLOURS[place], "linewidth": 1.8, "linestyle": ("-", "--", "-.", ":")[place % 4]}


def _number(axes: Axes, x: float, y: float, number: int, share: float, size: float) -> None:
    colour = "white" if share > 0.5 else "black"
    axes.text(x, y, str(number), ha="center", va="center", fontsize=size, color=colour)


def short(name: str) -> str:
    """A class's name, cut where it is too long for a figure."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."


def in_words(probability: float) -> str:
    """A probability or threshold in short, with more digits near 0 and 1: ``0.031``, ``0.42``, ``0.997``."""
    if 0 < probability < 0.0001:
        return "<0.0001"
    if probability < 0.1:
        return f"{probability:.2g}"
    return f"{probability:.2f}" if probability <= 0.9 else f"{probability:.3f}"


def _name(predictions: Predictions, column: int, limits: _Thresholds = None) -> str:
    name = plain(short(predictions.classes[column]))
    return name if limits is None else f"{name}, from {in_words(limits[column])}"


def _parts(columns: NDArray[np.intp], most: int) -> list[NDArray[np.intp]]:
    return [columns[start : start + most] for start in range(0, len(columns), most)]
