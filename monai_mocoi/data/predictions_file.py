"""File of predictions, ``predictions.csv``: one row an image; every metric can be computed from it again."""

from collections import Counter
from pathlib import Path

import numpy as np

from monai_mocoi.data.predictions import Predictions
from monai_mocoi.errors import PredictionsError, TableError
from monai_mocoi.files.atomic_write import write_csv
from monai_mocoi.files.csv_table import read_table
from monai_mocoi.metrics.inputs import UNKNOWN

_LABEL, PROBABILITY = "label_", "probability_"
_IN_CELL = {0: "0", 1: "1", UNKNOWN: ""}
_OF_CELL = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "": UNKNOWN}  # with points: where a column has empty cells, as pandas


def write_predictions(path: str | Path, predictions: Predictions) -> None:
    """Write predictions as CSV, in one step.

    Columns: ``image``, ``patient``, then for findings ``label_<finding>`` (0, 1, or empty where it is not known), for
    classes ``label`` (the name), then ``probability_<class>`` with all digits of a float64.
    """
    multilabel = predictions.kind == "multilabel"
    labels = [f"{_LABEL}{name}" for name in predictions.classes] if multilabel else ["label"]
    table = [["image", "patient", *labels, *(f"{PROBABILITY}{name}" for name in predictions.classes)]]
    rows = zip(predictions.images, predictions.patients, predictions.labels, predictions.probabilities, strict=True)
    for image, patient, label, probabilities in rows:
        shown = [_IN_CELL[value] for value in label.tolist()] if multilabel else [predictions.classes[label]]
        table.append([image, patient, *shown, *map(repr, probabilities.tolist())])
    write_csv(path, table)


def read_predictions(path: str | Path, name: str | None = None) -> Predictions:
    """Read a file that :func:`write_predictions`, or another program in the same form, has written.

    A label of a finding is 0, 1 or empty: not known. Rows without any label are left out and counted (``unlabelled``).
    ``name`` is what to call the file in an error; None: its name without folders. Raises PredictionsError: no such
    file, no commas, missing columns, or a value that cannot be read; names the row. Raises NotFinitePredictionError: a
    probability that is NaN or infinite.
    """
    path = Path(path)
    name = name or path.name
    if path.is_dir():
        raise PredictionsError(
            f"{name!r} is a folder; give the file that an evaluation writes, such as evaluation-test/predictions.csv."
        )
    if not path.is_file():
        raise PredictionsError(f"there is no file {name!r} at the place given; an evaluation writes it.")
    try:
        table = read_table(path, ("image", "patient"), name)
    except TableError as error:
        raise PredictionsError(str(error)) from error
    header = table.header
    classes = tuple(name.removeprefix(PROBABILITY) for name in header if name.startswith(PROBABILITY))
    kind = "multiclass" if "label" in header else "multilabel"
    labels = ["label"] if kind == "multiclass" else [f"{_LABEL}{name}" for name in classes]
    needed = ["image", "patient", *labels]
    if {"row", "image", "status", "reason"} <= set(header):
        raise PredictionsError(
            f"{name} is the table that inference writes: it has no patients and no true labels. Give the "
            "predictions.csv of an evaluation on a data set with labels."
        )
    lacks = [name for name in needed if name not in header] + ([] if classes else [f"{PROBABILITY}<class>"])
    if lacks:  # what is there is not shown: without a header it is the first image's
        raise PredictionsError(
            f"{name} needs the columns image, patient, label_<finding> (or label) and probability_<class> in its "
            f"first row; it lacks {', '.join(lacks)}."
        )
    if len(set(header)) < len(header):
        raise PredictionsError(f"{name} has two columns called {Counter(header).most_common(1)[0][0]!r}.")
    image_at, patient_at, *labels_at = map(header.index, needed)
    probabilities_at = [header.index(f"{PROBABILITY}{name}") for name in classes]
    images, patients, truth, probabilities = [], [], [], []
    for number, row in table.rows:
        try:
            told = [row[place].strip() for place in labels_at]
            if not any(told):
                continue
            images.append(row[image_at])
            patients.append(row[patient_at])
            if kind == "multiclass":
                truth.append(classes.index(row[labels_at[0]]))
            else:
                truth.append([_OF_CELL[cell] for cell in told])  # type: ignore[arg-type]
            probabilities.append([float(row[place]) for place in probabilities_at])
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
