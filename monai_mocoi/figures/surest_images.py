"""The images of which a classifier is surest, and its worst errors, class by class, for a sheet of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data import Predictions
from monai_mocoi.figures.canvas import in_words, short
from monai_mocoi.figures.classifier_tables import THRESHOLD
from monai_mocoi.metrics import decide


@dataclass(frozen=True)
class Errors:
    """Images of one class of which the classifier was wrong in one way: places in the predictions, the worst first.

    ``heading``: the class and the way, with the number of all such errors; ``columns``: of each image, the finding in
    question, or the class that was called.
    """

    heading: str
    images: list[int]
    columns: list[int]


def worst_errors(
    predictions: Predictions, thresholds: Sequence[float] | None, classes: Sequence[int], count: int
) -> list[Errors]:
    """The errors of which a classifier is surest, class by class; of equal ones the first image comes first.

    ``thresholds``: from which findings are called, one per class; None: multiclass. ``classes``, ``count``: columns to
    look at; of each class and kind, how many at most. Returns of a finding those missed, then those falsely called;
    multiclass: images of the class taken for another.
    """
    probabilities = predictions.probabilities
    result = []
    for column in classes:
        name = short(predictions.classes[column])
        if thresholds is None:
            called = probabilities.argmax(axis=1)
            wrong = (predictions.labels == column) & (called != column)
            images = _first(wrong, -probabilities.max(axis=1), count)
            heading = f"{name}, taken for another class: {_of(images, wrong)}"
            result.append(Errors(heading, images, called[images].tolist()))
            continue
        present, absent = (predictions.labels[:, column] == side for side in (1, 0))
        said = probabilities[:, column]
        reached = decide(said, thresholds[column])
        limit = in_words(thresholds[column])
        for kind, wrong, order in (
            (f"present, but below {limit} (missed)", present & ~reached, said),
            (f"absent, but called (from {limit})", absent & reached, -said),
        ):
            images = _first(wrong, order, count)
            result.append(Errors(f"{name} {kind}: {_of(images, wrong)}", images, [column] * len(images)))
    return result


def _first(wrong: NDArray[np.bool_], order: NDArray[np.float64], count: int) -> list[int]:
    (images,) = np.nonzero(wrong)
    return [int(image) for image in images[np.argsort(order[images], kind="stable")][:count]]


def _of(images: Sequence[int], wrong: NDArray[np.bool_]) -> str:
    total = int(wrong.sum())
    return f"the worst {len(images)} of {total}" if len(images) < total else f"all {total}" if total else "none"


def surest(
    predictions: Predictions, count: int, thresholds: Sequence[float] | None = None
) -> dict[str, tuple[list[int], list[int]]]:
    """Choose images about which the classifier is surest: right ones and wrong ones.

    Multiclass: it is sure of the class with the highest probability. Of findings, an image and a finding that is
    present, or called, is one candidate, the surer the more of the way from the threshold (None: 0.5) to 1 or 0 the
    probability has gone; a finding that is neither, or not known, shows nothing. The surest of each true class (or
    finding) come first, then the second ones, and so on, ``count`` of each kind at most.

    By "right" and "wrong": places of images in the predictions, each once, and what was called, or the finding.
    """
    probabilities, (positive, negative) = predictions.probabilities, predictions.sides()
    if predictions.kind == "multiclass":
        called = np.zeros(positive.shape, dtype=bool)
        called[np.arange(len(called)), probabilities.argmax(axis=1) if len(called) else 0] = True
        sureness = np.repeat(probabilities.max(axis=1, initial=0)[:, None], positive.shape[1], axis=1)
        candidates = {"right": positive & called, "wrong": positive & ~called}
    else:
        limits = np.full(len(predictions.classes), THRESHOLD) if thresholds is None else np.asarray(thresholds)
        called = decide(probabilities, limits)
        way = np.where(called, 1 - limits, limits)  # a threshold of 1 leaves none
        sureness = np.abs(probabilities - limits) / np.where(way > 0, way, 1)
        candidates = {"right": positive & called, "wrong": (positive & ~called) | (negative & called)}
    chosen = {}
    for name, candidate in candidates.items():
        images, classes = _in_turn(candidate, sureness, count)
        if predictions.kind == "multiclass":
            classes = [int(probabilities[image].argmax()) for image in images]
        chosen[name] = (images, classes)
    return chosen


def _in_turn(candidate: NDArray[np.bool_], sureness: NDArray[np.float64], count: int) -> tuple[list[int], list[int]]:
    ranked = []
    for column in range(candidate.shape[1]):
        (images,) = np.nonzero(candidate[:, column])
        order = np.argsort(-sureness[images, column], kind="stable")
        ranked += [(turn, column, int(image)) for turn, image in enumerate(images[order][:count])]
    chosen: dict[int, int] = {}
    for _, column, image in sorted(ranked):
        if len(chosen) < count:
            chosen.setdefault(image, column)
    return list(chosen), list(chosen.values())
