"""Data of a probing: draws of labels, and the images of a split that have features."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data import Datalist, Predictions, label_array
from monai_mocoi.data.label_fraction import LabelSubset, label_subset
from monai_mocoi.errors import DatasetError


def probing_draws(
    datalist: Datalist, label_fractions: Sequence[float], label_seeds: Sequence[int], validation_labels: str = "same"
) -> list[LabelSubset]:
    """Draw the labelled images of every fraction and seed, by fraction from small to large, then by seed.

    A fraction of 1 is drawn once, with the first seed, and so is any other whose seeds give the same images.

    Args:
        datalist: the whole one, with labels.
        label_fractions, label_seeds: each above 0 and at most 1; each 0 or more.
        validation_labels: see :func:`~monai_mocoi.data.label_subset`, whose errors are raised.
    """
    if not label_fractions or not label_seeds:
        raise DatasetError("probing needs one or more label_fractions and label_seeds, such as [0.01, 0.1, 1] and [1].")
    draws: dict[tuple[float, str], LabelSubset] = {}
    for fraction in sorted(set(label_fractions)):
        for seed in label_seeds[:1] if fraction == 1 else label_seeds:
            subset = label_subset(datalist, fraction, seed, validation_labels)
            draws.setdefault((fraction, subset.sha256), subset)
    return list(draws.values())


class ProbedSplit:
    """The images of a split that have features."""

    def __init__(
        self,
        name: str,
        datalist: Datalist,
        features: Mapping[str, Mapping[int, NDArray[np.float32]]],
        rows: Mapping[str, Sequence[int]] | None,
    ) -> None:
        items = datalist.splits()[name]
        self.items = [items[row] for row in (rows[name] if rows is not None and name in rows else range(len(items)))]
        none = {} if self.items else {stage: values[:0] for stage, values in features["training"].items()}
        self.features = features.get(name, none)
        counts = {stage: len(values) for stage, values in self.features.items()}
        if not counts or set(counts.values()) != {len(self.items)}:
            raise DatasetError(
                f"the features of the {name} split are of {sorted(set(counts.values())) or 'no'} images, but the "
                f"datalist has {len(self.items)} of them: compute them of the same images."
            )
        self.place = {item["name"]: row for row, item in enumerate(self.items)}
        without = not self.items or (name == "validation" and "label" not in self.items[0])
        self.labels = np.zeros(0, np.int64) if without else label_array(self.items)

    def found(self, items: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
        """The rows of those of the items that have features."""
        return np.array([self.place[item["name"]] for item in items if item["name"] in self.place], dtype=np.int64)

    def predictions(
        self,
        classes: Sequence[str],
        kind: str,
        kept: NDArray[np.int64] | None = None,
        probabilities: NDArray[np.float64] | None = None,
    ) -> Predictions:
        """Of some of the images, or of all; without probabilities they are all 0."""
        chosen = np.arange(len(self.items)) if kept is None else kept
        labels = self.labels[chosen].reshape((-1, len(classes)) if kind == "multilabel" else -1)
        return Predictions(
            tuple(self.items[row]["name"] for row in chosen),
            tuple(self.items[row]["patient"] for row in chosen),
            tuple(classes),
            kind,
            labels,
            np.zeros((len(chosen), len(classes))) if probabilities is None else probabilities,
        )
