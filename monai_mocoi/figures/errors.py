"""Worst errors of a classifier, class by class, for a sheet of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data import Predictions
from monai_mocoi.figures.names import in_words, short
from monai_mocoi.metrics import decide


@dataclass(frozen=True)
class Errors:
    """Images of one class of which the classifier was wrong in one way.

    ``heading``: the class and the way, with the number of all such errors; ``images``: places in the predictions, the
    worst first; ``columns``: of each, the finding in question, or the class that was called.
    """

    heading: str
    images: list[int]
    columns: list[int]


def worst_errors(
    predictions: Predictions, thresholds: Sequence[float] | None, classes: Sequence[int], count: int
) -> list[Errors]:
    """The errors of which a classifier is surest, class by class; of equal ones the first image comes first.

    ``predictions``: of a split. ``thresholds``: from which findings are called, one a class; None: multiclass.
    ``classes``, ``count``: columns to look at; of each class and kind, how many at most. Returns of a finding those
    missed, then those falsely called; multiclass: images of the class taken for another.
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
