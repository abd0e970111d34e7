"""Figures of a classifier's predictions as RGB arrays: curves, confusion tables, and pictures with captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from monai_mocoi.data import Predictions
from monai_mocoi.figures.canvas import RGB, new_figure, plain, rendered
from monai_mocoi.metrics import average_precision, confusion_counts, decide, ranked_columns, roc_auc

CLASSES_A_FIGURE = 16
"""More than these are spread over several figures; a softmax table of more has colours, but no numbers."""
THRESHOLD = 0.5
"""From where on a finding counts as called, in the tables."""

_COLOURS = colormaps["tab20"].colors  # type: ignore[attr-defined]
_LONGEST_NAME = 24
_PICTURES_A_ROW = 4
_CELL, _PICTURE = (2.0, 2.35), 1.8  # inches: width and height of a picture with its caption; its longer side

_Draw = Callable[[Axes, Predictions, NDArray[np.bool_], NDArray[np.intp]], None]


def roc_figures(predictions: Predictions) -> list[RGB]:
    """Draw the ROC curve of each class of which there are positive and negative images.

    Args:
        predictions: of findings, or of classes, each against the rest (of two classes the second alone).

    Returns:
        ``(height, width, 3)`` arrays, one for each 16 classes; none if no class has a curve.
    """
    return _curve_figures(predictions, _draw_roc)


def precision_recall_figures(predictions: Predictions) -> list[RGB]:
    """Draw precision-recall curves; the legend gives the average precision and the share of positives, which is what
    guessing has. Arguments and result as for :func:`roc_figures`.
    """
    return _curve_figures(predictions, _draw_precision_recall)


def confusion_figures(predictions: Predictions) -> list[RGB]:
    """Draw what is taken for what.

    Args:
        predictions: of classes: one table of true against called ones, the highest probability being called. Of
            findings: a table of two by two each, at a probability of 0.5.

    Returns:
        ``(height, width, 3)`` arrays, one for each 16 findings; none without images.
    """
    if not predictions.images:
        return []
    if predictions.kind == "softmax":
        return [_class_table(predictions)]
    columns = np.arange(len(predictions.classes))
    return [_finding_tables(predictions, part) for part in _parts(columns)]


def picture_figure(title: str, pictures: Sequence[NDArray[np.float32]], captions: Sequence[str]) -> RGB:
    """Draw pictures in rows of four, each with its caption.

    Args:
        title: above all of them.
        pictures: ``(C, H, W)`` each, C 1 or 3, values 0..1 (others are cut).
        captions: one a picture, of one or two lines.

    Returns:
        ``(height, width, 3)`` array.
    """
    rows = -(-len(pictures) // _PICTURES_A_ROW)
    width, height = _CELL[0] * _PICTURES_A_ROW, _CELL[1] * rows + 0.3
    figure, axes = new_figure(width, height)
    axes.set_position((0, 0, 1, 1))
    axes.set_axis_off()
    for place, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(place, _PICTURES_A_ROW)
        channels, lines, columns = picture.shape
        size = _PICTURE / max(lines, columns)
        left, top = _CELL[0] * column + 0.1, _CELL[1] * (row + 1) + 0.25 - _PICTURE
        shown = picture.repeat(3, axis=0) if channels == 1 else picture
        extent = (left, left + columns * size, top + lines * size, top)
        axes.imshow(shown.transpose(1, 2, 0).clip(0, 1), extent=extent)
        axes.text(left, top - 0.05, plain(caption), fontsize=8, va="bottom")
    axes.text(0.1, 0.08, plain(title), fontsize=10, va="top")
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    return rendered(figure)


def _curve_figures(predictions: Predictions, draw: _Draw) -> list[RGB]:
    positive = predictions.indicators()
    columns = ranked_columns(predictions.kind, len(predictions.classes))
    both = positive.any(axis=0) & ~positive.all(axis=0)
    result = []
    for part in _parts(columns[both[columns]]):
        figure, axes = new_figure(7.6, 4.6)
        axes.set_position((0.08, 0.11, 0.53, 0.81))
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.grid(alpha=0.3)
        draw(axes, predictions, positive, part)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False)
        result.append(rendered(figure))
    return result


def _draw_roc(axes: Axes, predictions: Predictions, positive: NDArray[np.bool_], columns: NDArray[np.intp]) -> None:
    areas = roc_auc(positive[:, columns], predictions.probabilities[:, columns])
    for colour, column, area in zip(_COLOURS, columns, areas, strict=False):
        false_positive, true_positive, _ = roc_curve(positive[:, column], predictions.probabilities[:, column])
        label = f"{area:.3f} {_name(predictions, column)}"
        axes.plot(false_positive, true_positive, color=colour, linewidth=1.2, label=label)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC (area under it)")


def _draw_precision_recall(
    axes: Axes, predictions: Predictions, positive: NDArray[np.bool_], columns: NDArray[np.intp]
) -> None:
    means = average_precision(positive[:, columns], predictions.probabilities[:, columns])
    shares = positive[:, columns].mean(axis=0)
    for colour, column, mean, share in zip(_COLOURS, columns, means, shares, strict=False):
        precision, recall, _ = precision_recall_curve(
            positive[:, column], predictions.probabilities[:, column], drop_intermediate=True
        )
        label = f"{mean:.3f} ({share:.3f}) {_name(predictions, column)}"
        axes.step(recall, precision, where="post", color=colour, linewidth=1.2, label=label)
    axes.set(xlabel="recall", ylabel="precision", title="Average precision (share of positives)")


def _class_table(predictions: Predictions) -> RGB:
    count = len(predictions.classes)
    called = predictions.probabilities.argmax(axis=1)
    table = confusion_matrix(predictions.labels, called, labels=np.arange(count))
    figure, axes = new_figure(7.0, 6.0)
    axes.set_position((0.25, 0.27, 0.72, 0.67))
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    if count <= CLASSES_A_FIGURE:
        for (row, column), number in np.ndenumerate(table):
            _number(axes, column, row, number, shares[row, column])
        names = [_name(predictions, column) for column in range(count)]
        axes.set_xticks(range(count), names, rotation=90, fontsize=8)
        axes.set_yticks(range(count), names, fontsize=8)
    else:
        axes.set(xticks=[], yticks=[])
    axes.set_title("Images. Rows: true class; columns: called class, of the highest probability", fontsize=9)
    return rendered(figure)


def _finding_tables(predictions: Predictions, columns: NDArray[np.intp]) -> RGB:
    """All tables in one picture of colours: an Axes for each would take most of the time."""
    counts = confusion_counts(predictions.labels[:, columns], decide(predictions.probabilities[:, columns], THRESHOLD))
    rows = -(-len(columns) // _PICTURES_A_ROW)
    canvas = np.full((3 * rows, 3 * _PICTURES_A_ROW), np.nan)
    figure, axes = new_figure(8.0, 1.6 * rows + 0.6)
    axes.set_position((0.01, 0.01, 0.98, 1 - 0.45 / (1.6 * rows + 0.6)))
    axes.set_axis_off()
    for place, column in enumerate(columns):
        row, left = (3 * part for part in divmod(place, _PICTURES_A_ROW))
        table = np.array(
            [
                [counts.true_positives[place], counts.false_negatives[place]],
                [counts.false_positives[place], counts.true_negatives[place]],
            ]
        )
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        canvas[row + 1 : row + 3, left : left + 2] = shares
        for (down, right), number in np.ndenumerate(table):
            _number(axes, left + right, row + 1 + down, int(number), shares[down, right])
        axes.text(left - 0.5, row + 0.45, _name(predictions, column), fontsize=8, va="bottom")
    axes.imshow(canvas, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_title(
        f"Images. Rows: finding present, absent; columns: called (at {THRESHOLD}), not called", fontsize=9, loc="left"
    )
    return rendered(figure)


def _number(axes: Axes, x: float, y: float, number: int, share: float) -> None:
    axes.text(x, y, str(number), ha="center", va="center", fontsize=8, color="white" if share > 0.5 else "black")


def short(name: str) -> str:
    """A class's name, cut where it is too long for a figure."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."


def _name(predictions: Predictions, column: int) -> str:
    return plain(short(predictions.classes[column]))


def _parts(columns: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [columns[start : start + CLASSES_A_FIGURE] for start in range(0, len(columns), CLASSES_A_FIGURE)]
