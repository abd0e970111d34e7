"""Predictions of a classifier for images whose labels are known."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.labels import class_sides, class_truth
from monai_mocoi.errors import NotFinitePredictionError, PredictionsError
from monai_mocoi.metrics.decisions import check_label_kind
from monai_mocoi.metrics.inputs import is_known


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of images whose labels are known.

    Attributes:
        images, patients: ids of each image, its path in the dataset folder, no two alike; and of its patient.
        classes, kind: names of findings ("multilabel") or classes ("multiclass").
        labels: ``(n, findings)`` of 0, 1 and :data:`~monai_mocoi.metrics.UNKNOWN`, or ``(n,)`` class numbers.
        probabilities: ``(n, classes)`` float64 in 0..1.
        unlabelled: images that were left out, because they have no label at all.

    Raises:
        NotFinitePredictionError: a probability that is NaN or infinite; gives the first image's number and the class.
        PredictionsError: what does not fit the above.
    """

    images: tuple[str, ...]
    patients: tuple[str, ...]
    classes: tuple[str, ...]
    kind: str
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    unlabelled: int = 0

    def __post_init__(self) -> None:
        n, classes = len(self.images), len(self.classes)
        try:
            object.__setattr__(self, "kind", check_label_kind(self.kind))
        except ValueError as error:
            raise PredictionsError(str(error)) from None
        shapes = (len(self.patients), self.labels.shape, self.probabilities.shape)
        if shapes != (n, (n, classes) if self.kind == "multilabel" else (n,), (n, classes)):
            raise PredictionsError(
                f"{n} images and {classes} classes do not fit {shapes[0]} patients, labels {shapes[1]} and "
                f"probabilities {shapes[2]}."
            )
        if len(set(self.classes)) < classes:
            twice = Counter(self.classes).most_common(1)[0][0]
            raise PredictionsError(f"the class {twice!r} is there twice; each class is predicted once.")
        # Images are named by their number, because their names could be patients'.
        if len(set(self.images)) < n:
            name = Counter(self.images).most_common(1)[0][0]
            first = self.images.index(name)
            raise PredictionsError(
                f"images {first + 1} and {self.images.index(name, first + 1) + 1} of {n} have the same name; each "
                "image is predicted once."
            )
        if not (all(self.images) and all(self.patients)):
            row = next(i for i in range(n) if not (self.images[i] and self.patients[i]))
            raise PredictionsError(f"image {row + 1} of {n} lacks its name or that of its patient.")
        most = 1 if self.kind == "multilabel" else classes - 1
        known = self.labels[is_known(self.labels)] if self.kind == "multilabel" else self.labels
        if len(known) and not 0 <= known.min() <= known.max() <= most:
            raise PredictionsError(
                f"labels go from {known.min()} to {known.max()}, not from 0 to {most} ({self.kind})."
            )
        rows, columns = np.nonzero(~np.isfinite(self.probabilities))
        if len(rows):
            raise NotFinitePredictionError(
                f"the probability of {self.classes[columns[0]]} is {self.probabilities[rows[0], columns[0]]} for "
                f"image {rows[0] + 1} of {n} ({len(rows)} such values in {len(set(rows))} of {n} images): no metric "
                "is computed. Look at these images and at the weights; try precision float32."
            )
        if n and not 0 <= self.probabilities.min() <= self.probabilities.max() <= 1:
            raise PredictionsError(
                f"probabilities go from {self.probabilities.min()} to {self.probabilities.max()}, not from 0 to 1."
            )

    def indicators(self) -> NDArray[np.bool_]:
        """``(n, classes)``: which image is known to have which finding or class."""
        return self.truth() == 1

    def truth(self) -> NDArray[np.int64]:
        """``(n, classes)``: whether an image has a finding or class: 1, 0, or ``UNKNOWN``."""
        return class_truth(self.labels, len(self.classes))

    def sides(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Two of ``(n, classes)``: which image is known to have which finding or class, and which to have it not."""
        return class_sides(self.labels, len(self.classes))

    def unknown(self) -> dict[str, int]:
        """Of how many images a finding is not known; those that are known of all are left out."""
        counts = (~is_known(self.truth())).sum(axis=0).tolist()
        return {name: count for name, count in zip(self.classes, counts, strict=True) if count}


def predictions_of(predictions: Predictions, classes: Sequence[str]) -> Predictions:
    """Of findings these alone, in this order; multiclass all: their probabilities sum to one."""
    if predictions.kind == "multiclass" or predictions.classes == tuple(classes):
        return predictions
    columns = [predictions.classes.index(name) for name in classes]
    parts = {name: getattr(predictions, name)[:, columns] for name in ("labels", "probabilities")}
    return replace(predictions, classes=tuple(classes), **parts)


def record_of(record: Mapping[str, Any] | None, classes: Sequence[str]) -> dict[str, Any] | None:
    """A recalibration, or operating points, of these classes alone; None stays None.

    One of all classes together (a temperature) stays, and so does one without a class in common: it is of another
    classifier, and whoever uses it says so.
    """
    if record is None or not set(record.get("classes", {})) & set(classes):
        return None if record is None else dict(record)
    return {**record, "classes": {name: own for name, own in record["classes"].items() if name in classes}}
