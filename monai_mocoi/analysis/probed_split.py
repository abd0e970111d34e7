"""The images of a split that have features, with their labels, for probing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data import Datalist, Predictions, label_array
from monai_mocoi.errors import DatasetError


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
