"""Shortcut baselines: linear classifiers of columns, colours, small pixels and shuffled labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.linear_evaluation import LinearEvaluation
from monai_mocoi.analysis.linear_fit import LinearFit
from monai_mocoi.analysis.shortcut_features import (
    SMALL,
    Features,
    column_features,
    picture_features,
    pixel_components,
    shuffled_labels,
)
from monai_mocoi.data import Datalist, Predictions, check_learnable, label_array, label_kind, require_images
from monai_mocoi.data.ages import Value
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.enough_images import selection_rule
from monai_mocoi.metrics import selection_metric

COLOUR, PIXELS, SHUFFLED = "colour", "pixels", "shuffled"
SHUFFLES = 20  # how often the labels are shuffled
CHOSEN_BY = "macro_auc"


@dataclass(frozen=True)
class Baseline:
    """One linear classifier, and its predictions on the test split.

    ``name``, ``sees``, ``features``: what it sees: as a name, in words, and how many numbers of an image. ``shuffles``:
    test macro AUC of each shuffle of the labels, the first of which the predictions are of; else empty.
    """

    name: str
    sees: str
    features: int
    fit: LinearFit
    predictions: Predictions
    shuffles: tuple[float, ...] = ()


def shortcut_baselines(
    datalist: Datalist, columns: Mapping[str, Sequence[Value]], seed: int = 0, workers: int | None = None
) -> Iterator[Baseline | tuple[str, str]]:
    """Train and test a linear classifier on each shortcut: what reveals a diagnosis without looking at the disease.

    Each is a :class:`~monai_mocoi.analysis.LinearEvaluation`, its penalty chosen on validation by the macro AUC (or as
    :func:`~monai_mocoi.data.enough_images` says). In this order:

    - each column alone: words, and numbers that may be codes, as one 0 or 1 a value; other numbers as the number and
      its square, because a risk may be highest in the middle; "not known" as an own 0 or 1;
    - ``colour``: mean and standard deviation of red, green and blue over the whole image, or of grey;
    - ``pixels``: 64 principal components, fitted on training, of the image scaled to 32 x 32;
    - ``shuffled``: the same pixels, but the training labels are shuffled, a patient's together. One shuffle may be far
      from an AUC of 0.5 (any direction correlates a little); the mean of 20 should be near it. Its penalty is fixed.

    ``columns``: of all images: those of training, then validation, then test. ``seed``: of the shuffle. ``workers``:
    threads that read; None: one a processor. Yields baselines; or the name of a column and why there is none of it.

    Raises:
        DatasetError: a split lacks images or labels, or nothing can be learnt from the labels.
        ImageDecodeError: an image cannot be read; names its split and row.
    """
    require_images(datalist, test=1)
    check_learnable(datalist.training, datalist.labels)
    task = _Task(datalist)
    for name, values in columns.items():
        made = column_features(name, task.by_split(values))
        if isinstance(made, str):
            yield name, made
        else:
            yield task.tested(name, f"the column {name} alone", made)
    colours, pixels = picture_features(datalist, workers)
    grey = colours["training"].shape[1] == 2
    what = "mean and standard deviation of grey" if grey else "means and standard deviations of red, green and blue"
    yield task.tested(COLOUR, what, colours)
    small = pixel_components(pixels)
    words = f"{small['training'].shape[1]} principal components of {SMALL} x {SMALL} pixels"
    yield task.tested(PIXELS, words, small)
    dealt = [shuffled_labels(task.labels["training"], datalist.training, seed + shuffle) for shuffle in range(SHUFFLES)]
    shuffled = [task.tested(SHUFFLED, f"{words}, labels shuffled", small, labels) for labels in dealt]
    areas = [
        selection_metric(CHOSEN_BY, task.kind, own.predictions.labels, own.predictions.probabilities)
        for own in shuffled
    ]
    # Without both classes in the test split there is no area, as for the other baselines.
    yield replace(shuffled[0], shuffles=tuple(areas) if np.isfinite(areas).all() else ())


class _Task:
    """The labels to be told, and the images of each split."""

    def __init__(self, datalist: Datalist) -> None:
        self.datalist = datalist
        self.kind = label_kind(datalist)
        self.items = datalist.splits()
        self.labels = {split: label_array(items) for split, items in self.items.items() if items}
        self.labels.setdefault("validation", self.labels["training"][:0])

    def by_split(self, values: Sequence[Value]) -> dict[str, list[Value]]:
        rest = iter(values)
        return {split: list(islice(rest, len(self.items[split]))) for split in SPLITS}

    def tested(self, name: str, sees: str, features: Features, dealt: NDArray[np.int64] | None = None) -> Baseline:
        """Train on these features; on training labels that were dealt out anew with nothing to choose by."""
        names = self.datalist.labels
        held = self.labels["validation"]
        rule = selection_rule(held if len(held) else None, names).rule if dealt is None else "last"
        evaluation = LinearEvaluation(self.kind, len(names), partial(selection_metric, CHOSEN_BY, self.kind), rule)
        labels = self.labels["training"] if dealt is None else dealt
        fit = evaluation.fit(features["training"], labels, features["validation"], held)
        items = self.items["test"]
        predictions = Predictions(
            tuple(item["name"] for item in items),
            tuple(item["patient"] for item in items),
            names,
            self.kind,
            self.labels["test"],
            fit.probabilities(features["test"], self.kind),
        )
        return Baseline(name, sees, features["training"].shape[1], fit, predictions)
