"""What shortcuts alone tell of the labels: linear classifiers of columns, colours, small pixels and shuffled labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from monai_mocoi.analysis.linear_evaluation import LinearEvaluation, LinearFit
from monai_mocoi.data import Datalist, Predictions, as_numbers, check_learnable, label_array, label_kind, require_images
from monai_mocoi.data.columns import Value
from monai_mocoi.data.levels import MOST_WORDS, few_numbers
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.selection_rule import selection_rule
from monai_mocoi.errors import ImageDecodeError
from monai_mocoi.metrics import selection_metric
from monai_mocoi.transforms import FitSquare, read_image

COLOUR, PIXELS, SHUFFLED = "colour", "pixels", "shuffled"
SMALL = 32
"""Rows and columns of the small pictures."""
COMPONENTS = 64
"""Principal components of their pixels."""
SHUFFLES = 20
"""How often the labels are dealt out anew."""
CHOSEN_BY = "macro_auc"

_SPLITS = ("training", "validation", "test")

Features = dict[str, NDArray[np.float64]]
"""Of each split ``(images, features)``."""


@dataclass(frozen=True)
class Baseline:
    """One linear classifier, tested.

    Attributes:
        name: of what it sees.
        sees: the same in words.
        features: how many numbers of an image it sees.
        fit: the classifier.
        predictions: of the test split.
        shuffles: test macro AUC (over every class with a positive and a negative image) of each shuffle of the labels,
            the first of which the predictions are of; empty where the labels are the true ones.
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
    """Train and test a linear classifier on each thing that tells a diagnosis without looking at the disease.

    Each is a logistic regression of :class:`~monai_mocoi.analysis.LinearEvaluation`, trained on the training split, its
    penalty chosen on validation (by the macro AUC, or as :func:`~monai_mocoi.data.selection_rule` says) and tested on
    the test split. In this order:

    - each column alone: words as one 0 or 1 a word, and so numbers, other than ages, of which training has 8 different
      ones at most, for they may be codes; other numbers as the number and its square, for a risk may be highest in the
      middle; "not known" is an own 0 or 1;
    - ``colour``: mean and standard deviation of red, green and blue over the whole image, or of grey;
    - ``pixels``: 64 principal components, fitted on the training split, of the image scaled to 32 x 32;
    - ``shuffled``: the same pixels, but the training labels are dealt out anew, a patient's together. It learns nothing
      that is true, but *something*: a direction by chance. Where images differ in a few ways only, and one of them goes
      with the labels, any direction tells them a little, or their contrary. So one shuffle may be far from an AUC of
      .5, and the interval over test patients does not hold that; the mean of 20 shuffles should be near .5. Its penalty
      is fixed, as there is nothing to choose it by.

    Args:
        datalist: with labels in all splits.
        columns: of all images: those of training, then validation, then test.
        seed: of the shuffle.
        workers: threads that read; None: one a processor.

    Yields:
        baselines; or the name of a column and why there is none of it.

    Raises:
        DatasetError: a split lacks images or labels, or nothing can be learnt from the labels.
        ImageDecodeError: an image cannot be read; names its split and row.
    """
    require_images(datalist, test=1)
    check_learnable(datalist.training, datalist.labels)
    task = _Task(datalist)
    for name, values in columns.items():
        made = _column_features(name, task.by_split(values))
        if isinstance(made, str):
            yield name, made
        else:
            yield task.tested(name, f"the column {name} alone", made)
    colours, pixels = _pictures(datalist, workers)
    grey = colours["training"].shape[1] == 2
    what = "mean and standard deviation of grey" if grey else "means and standard deviations of red, green and blue"
    yield task.tested(COLOUR, what, colours)
    small = _components(pixels)
    words = f"{small['training'].shape[1]} principal components of {SMALL} x {SMALL} pixels"
    yield task.tested(PIXELS, words, small)
    dealt = [_shuffled(task.labels["training"], datalist.training, seed + shuffle) for shuffle in range(SHUFFLES)]
    shuffled = [task.tested(SHUFFLED, f"{words}, labels shuffled", small, labels) for labels in dealt]
    areas = [
        selection_metric(CHOSEN_BY, task.kind, own.predictions.labels, own.predictions.probabilities)
        for own in shuffled
    ]
    yield replace(shuffled[0], shuffles=tuple(areas))


class _Task:
    """The labels to be told, and the images of each split."""

    def __init__(self, datalist: Datalist) -> None:
        self.datalist = datalist
        self.kind = label_kind(datalist)
        self.items = datalist.splits()
        self.labels = {split: label_array(items) for split, items in self.items.items() if items}
        self.labels.setdefault("validation", self.labels["training"][:0])

    def by_split(self, values: Sequence[Value]) -> dict[str, list[Value]]:
        parts, start = {}, 0
        for split in _SPLITS:
            parts[split] = list(values[start : start + len(self.items[split])])
            start += len(parts[split])
        return parts

    def tested(self, name: str, sees: str, features: Features, dealt: NDArray[np.int64] | None = None) -> Baseline:
        """Train on these features; on training labels that were dealt out anew with nothing to choose by."""
        names = self.datalist.labels
        held = self.labels["validation"]
        rule = selection_rule(held if len(held) else None, names).rule if dealt is None else "last"
        evaluation = LinearEvaluation(
            self.kind,
            len(names),
            partial(selection_metric, CHOSEN_BY, self.kind),
            rule,
        )
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


def _column_features(name: str, values: Mapping[str, Sequence[Value]]) -> Features | str:
    """The features of a column, or why it has none."""
    numbers = {split: as_numbers(name, own) for split, own in values.items()}
    if any(own is None for own in numbers.values()):
        words = sorted({str(value) for value in values["training"] if value is not None})
        if len(words) > MOST_WORDS:
            return f"it has {len(words)} different texts in training, more than {MOST_WORDS}"
        made = {
            split: np.array([[str(value) == word for word in words] for value in own], dtype=np.float64).reshape(
                len(own), len(words)
            )
            for split, own in values.items()
        }
        lacks = {split: np.array([value is None for value in own]) for split, own in values.items()}
    else:
        plain = {split: own for split, own in numbers.items() if own is not None}
        lacks = {split: np.isnan(own) for split, own in plain.items()}
        if (codes := few_numbers(name, plain["training"])) is not None:
            made = {split: (own[:, None] == codes).astype(np.float64) for split, own in plain.items()}
        else:
            known = plain["training"][~lacks["training"]]
            middle, spread = (known.mean(), known.std() or 1.0) if len(known) else (0.0, 1.0)
            scaled = {split: np.where(lacks[split], 0, (own - middle) / spread) for split, own in plain.items()}
            made = {split: np.stack([own, own**2], axis=1) for split, own in scaled.items()}
    features = {split: np.column_stack([own, lacks[split]]).astype(np.float64) for split, own in made.items()}
    differ = np.ptp(features["training"], axis=0) > 0
    if not differ.any():
        return "it is the same for all training images"
    return {split: own[:, differ] for split, own in features.items()}


def _pictures(datalist: Datalist, workers: int | None) -> tuple[Features, dict[str, NDArray[np.float32]]]:
    """Of each split the colours ``(n, 6)``, and the small pictures ``(n, 3, 32, 32)``; ``(n, 2)`` and one channel where
    all images are grey.
    """
    places = [(split, row) for split, items in datalist.splits().items() for row in range(len(items))]
    small = np.empty((len(places), 3, SMALL, SMALL), dtype=np.float32)
    colours = np.empty((len(places), 6))
    fit = FitSquare(SMALL, "stretch")

    def read(place: tuple[str, int]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        split, row = place
        try:
            picture = read_image(datalist.splits()[split][row]["image"], channels=3)
        except (ValueError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ImageDecodeError(
                f"image {row} of the {split} split cannot be read: {reason}. Check it, or take it out.",
                str(reason),
            ) from None
        wide = picture.astype(np.float64)
        numbers = np.concatenate([wide.mean((1, 2)), wide.std((1, 2))])
        return numbers, fit(torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32))).numpy()

    for place, (numbers, picture) in map_in_threads(read, places, len(places), workers, "images"):
        colours[place], small[place] = numbers, picture
    if (small[:, :1] == small[:, 1:]).all():
        colours, small = colours[:, [0, 3]], small[:, :1]
    of_split = np.array([split for split, _ in places])
    rows = {split: of_split == split for split in _SPLITS}
    return {split: colours[own] for split, own in rows.items()}, {split: small[own] for split, own in rows.items()}


def _components(pixels: Mapping[str, NDArray[np.float32]]) -> Features:
    flat = {split: own.reshape(len(own), int(np.prod(own.shape[1:]))) for split, own in pixels.items()}
    most = min(COMPONENTS, len(flat["training"]) - 1, flat["training"].shape[1])
    # A seed of its own that never changes: the components are no chance of the run.
    pca = PCA(most, svd_solver="randomized", random_state=0).fit(flat["training"])
    return {
        split: (pca.transform(own) if len(own) else np.empty((0, most))).astype(np.float64)
        for split, own in flat.items()
    }


def _shuffled(labels: NDArray[np.int64], items: Sequence[Mapping[str, Any]], seed: int) -> NDArray[np.int64]:
    """Deal the labels out anew: the patients in one random order get those of the patients in another, image by image,
    so that the labels of a patient mostly stay together and none is lost.
    """
    patients = np.unique([item["patient"] for item in items], return_inverse=True)[1] if items else np.zeros(0, int)
    generator = np.random.default_rng(seed)
    count = int(patients.max()) + 1 if len(patients) else 0
    orders = [np.argsort(generator.permutation(count)[patients], kind="stable") for _ in range(2)]
    dealt = np.empty_like(labels)
    dealt[orders[0]] = labels[orders[1]]
    return dealt
