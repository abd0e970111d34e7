"""Confusion tables of a classifier's predictions as RGB arrays."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from monai_mocoi.data import Predictions
from monai_mocoi.figures.canvas import RGB, WIDTH, class_name, finished, new_figure, parts_of, title_height
from monai_mocoi.metrics import confusion_over_known, decide

TABLES_A_FIGURE = 4  # more than these are spread over several figures
NUMBERED_CLASSES = 16  # a multiclass table of more has colours, but no numbers
THRESHOLD = 0.5  # from where on a finding counts as called, until its threshold is chosen


def confusion_figures(
    predictions: Predictions, about: str = "", thresholds: Sequence[float] | None = None
) -> list[RGB]:
    """Draw confusion tables: multiclass, of true against called classes; two by two of each finding.

    Arguments as for :func:`~monai_mocoi.figures.classifier_curves.roc_figures`; without thresholds 0.5, and the figure
    says so. Returns ``(height, width, 3)`` arrays, one for each 4 findings; none without images.
    """
    if not predictions.images:
        return []
    if predictions.kind != "multilabel":
        return [_class_table(predictions, about)]
    columns = np.arange(len(predictions.classes))
    return [_finding_tables(predictions, about, thresholds, part) for part in parts_of(columns, TABLES_A_FIGURE)]


def _class_table(predictions: Predictions, about: str) -> RGB:
    count = len(predictions.classes)
    called = predictions.probabilities.argmax(axis=1)
    table = confusion_matrix(predictions.labels, called, labels=np.arange(count))
    names = [class_name(predictions, column) for column in range(count)]
    side = min(max(WIDTH, 0.42 * count + 2.4), 9.2)
    titles, longest = title_height(2, about), max(map(len, names)) * 0.1 + 0.2
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
    return finished(figure, "Images. Rows: true class;\ncolumns: called class, of the highest probability", about)


def _finding_tables(
    predictions: Predictions, about: str, thresholds: Sequence[float] | None, columns: NDArray[np.intp]
) -> RGB:
    """All tables in one pair of axes: one for each would take most of the time."""
    limits = np.full(len(predictions.classes), THRESHOLD) if thresholds is None else np.asarray(thresholds)
    counts = confusion_over_known(
        predictions.labels[:, columns], decide(predictions.probabilities[:, columns], limits[columns])
    )
    down = -(-len(columns) // 2)
    height = 1.75 * down + title_height(1, about)
    figure, axes = new_figure(WIDTH, height)
    axes.set_position((0.01, 0.01, 0.98, 1.75 * down / height))
    axes.set_axis_off()
    for place, column in enumerate(columns):
        row, right = divmod(place, 2)
        left, top = 3.6 * right + 1.3, 3.4 * row + 1.2  # of the table itself, in cells
        present = counts.true_positives[place], counts.false_negatives[place]
        table = np.array([present, (counts.false_positives[place], counts.true_negatives[place])])
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, extent=(left, left + 2, top + 2, top), aspect="auto")
        for (y, x), number in np.ndenumerate(table):
            _number(axes, left + x + 0.5, top + y + 0.5, int(number), shares[y, x], 16)
        name = class_name(predictions, column, None if thresholds is None else limits)
        axes.text(left - 1.25, top - 0.55, name, fontsize=11, va="bottom")
        for y, word in enumerate(("present", "absent")):
            axes.text(left - 0.08, top + y + 0.5, word, fontsize=10, ha="right", va="center")
        for x, word in enumerate(("called", "not called")):
            axes.text(left + x + 0.5, top - 0.05, word, fontsize=10, ha="center", va="bottom")
    axes.set(xlim=(0, 7), ylim=(3.4 * down, 0))
    how = f"{THRESHOLD}; thresholds are chosen at the end" if thresholds is None else "the threshold named"
    return finished(figure, f"Images; called from {how}", about)


def _number(axes: Axes, x: float, y: float, number: int, share: float, size: float) -> None:
    colour = "white" if share > 0.5 else "black"
    axes.text(x, y, str(number), ha="center", va="center", fontsize=size, color=colour)
