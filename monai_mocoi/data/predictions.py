"""``predictions.csv``: one row an image, from which every metric, interval and plot can be computed again."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.labels import class_sides, class_truth
from monai_mocoi.errors import NotFinitePredictionError, PredictionsError, TableError
from monai_mocoi.files.atomic_write import write_bytes
from monai_mocoi.files.csv_table import read_table
from monai_mocoi.metrics.known import UNKNOWN, is_known

_LABEL, _PROBABILITY = "label_", "probability_"
_IN_CELL = {0: "0", 1: "1", UNKNOWN: ""}
_OF_CELL = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "": UNKNOWN}  # with points: where a column has empty cells, as pandas


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of images whose labels are known.

    Attributes:
        images: id of each image, its path in the dataset folder; no two alike.
        patients: id of each image's patient.
        classes: names of findings or classes.
        kind: "multilabel" or "softmax".
        labels: ``(n, findings)`` of 0, 1 and :data:`~monai_mocoi.metrics.UNKNOWN`, or ``(n,)`` class numbers.
        probabilities: ``(n, classes)`` float64 in 0..1.
        unlabelled: images that were left out, because they have no label at all.

    Raises:
        NotFinitePredictionError: a probability that is NaN or infinite; gives the first image's number and the class.
        PredictionsError: another kind, sizes that do not fit, an image or a class twice, an image or patient without a
            name, a label that is none of the classes', a probability outside of 0..1.
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
        if self.kind not in ("multilabel", "softmax"):
            raise PredictionsError(f"the kind of labels is {self.kind!r}; it must be multilabel or softmax.")
        shapes = (len(self.patients), self.labels.shape, self.probabilities.shape)
        if shapes != (n, (n, classes) if self.kind == "multilabel" else (n,), (n, classes)):
            raise PredictionsError(
                f"{n} images and {classes} classes do not fit {shapes[0]} patients, labels {shapes[1]} and "
                f"probabilities {shapes[2]}."
            )
        if len(set(self.classes)) < classes:
            twice = Counter(self.classes).most_common(1)[0][0]
            raise PredictionsError(f"the class {twice!r} stands there twice; each class is predicted once.")
        # Images are named by their number, for their names could be patients'.
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


def write_predictions(path: str | Path, predictions: Predictions) -> None:
    """Write predictions as CSV, in one step.

    Columns: ``image``, ``patient``, then for findings ``label_<finding>`` (0, 1, or empty where it is not known), for
    classes ``label`` (the name), then ``probability_<class>`` with all digits of a float64.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    multilabel = predictions.kind == "multilabel"
    labels = [f"{_LABEL}{name}" for name in predictions.classes] if multilabel else ["label"]
    table.writerow(["image", "patient", *labels, *(f"{_PROBABILITY}{name}" for name in predictions.classes)])
    rows = zip(predictions.images, predictions.patients, predictions.labels, predictions.probabilities, strict=True)
    for image, patient, label, probabilities in rows:
        shown = [_IN_CELL[value] for value in label.tolist()] if multilabel else [predictions.classes[label]]
        table.writerow([image, patient, *shown, *map(repr, probabilities.tolist())])
    write_bytes(Path(path), text.getvalue().encode())


def read_predictions(path: str | Path, name: str | None = None) -> Predictions:
    """Read a file that :func:`write_predictions`, or another program in the same form, has written.

    A label of a finding is 0, 1 or empty: not known. Rows without any label are left out and counted (``unlabelled``).

    Args:
        path: the file.
        name: what to call it in an error; None: its name without folders.

    Raises:
        PredictionsError: no such file, no commas, missing columns, or a value that cannot be read; names the row.
        NotFinitePredictionError: a probability that is NaN or infinite.
    """
    path = Path(path)
    name = name or path.name
    if path.is_dir():
        raise PredictionsError(
            f"{name!r} is a folder; give the file that evaluate.json writes, such as its "
            "evaluation-test/predictions.csv."
        )
    if not path.is_file():
        raise PredictionsError(f"there is no file {name!r} at the place given; evaluate.json writes it.")
    try:
        table = read_table(path, ("image", "patient"), name)
    except TableError as error:
        raise PredictionsError(str(error)) from error
    header = table.header
    classes = tuple(name.removeprefix(_PROBABILITY) for name in header if name.startswith(_PROBABILITY))
    kind = "softmax" if "label" in header else "multilabel"
    labels = ["label"] if kind == "softmax" else [f"{_LABEL}{name}" for name in classes]
    needed = ["image", "patient", *labels]
    if {"row", "image", "status", "reason"} <= set(header):
        raise PredictionsError(
            f"{name} is the table that inference.json writes: it has no patients and no true labels. Give the "
            "predictions.csv that evaluate.json writes of a data set with labels."
        )
    lacks = [name for name in needed if name not in header] + ([] if classes else [f"{_PROBABILITY}<class>"])
    if lacks:  # what is there is not shown: without a header it is the first image's
        raise PredictionsError(
            f"{name} needs the columns image, patient, label_<finding> (or label) and probability_<class> in its "
            f"first row; it lacks {', '.join(lacks)}."
        )
    if len(set(header)) < len(header):
        raise PredictionsError(f"{name} has two columns called {Counter(header).most_common(1)[0][0]!r}.")
    place = {name: header.index(name) for name in [*needed, *(f"{_PROBABILITY}{name}" for name in classes)]}
    images, patients, truth, probabilities = [], [], [], []
    for number, row in table.rows:
        try:
            if not any(row[place[name]].strip() for name in labels):
                continue
            images.append(row[place["image"]])
            patients.append(row[place["patient"]])
            if kind == "softmax":
                truth.append(classes.index(row[place["label"]]))
            else:
                truth.append([_OF_CELL[row[place[name]].strip()] for name in labels])  # type: ignore[arg-type]
            probabilities.append([float(row[place[f"{_PROBABILITY}{name}"]]) for name in classes])
        except (IndexError, KeyError, ValueError) as error:
            raise PredictionsError(
                f"{name}, row {number}: a cell is missing, a label is neither 0 nor 1 nor empty (not known), nor a "
                "class's name, or a probability is no number."
            ) from error
    n = len(images)
    if table.rows and not n:
        raise PredictionsError(f"{name}: no row has a true label, so that nothing can be measured.")
    labels_of = np.array(truth, dtype=np.int64).reshape((n, len(classes)) if kind == "multilabel" else n)
    values = np.array(probabilities, dtype=np.float64).reshape(n, len(classes))
    try:
        unlabelled = len(table.rows) - n
        return Predictions(tuple(images), tuple(patients), classes, kind, labels_of, values, unlabelled)
    except PredictionsError as error:
        raise type(error)(f"{name}: {error}") from None
