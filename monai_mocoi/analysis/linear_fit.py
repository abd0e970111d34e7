"""The result of a linear evaluation: the chosen linear classifier, and the grid that it was chosen from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.analysis.logistic_inputs import ROWS
from monai_mocoi.metrics import class_probabilities

Array = NDArray[Any]


def predict_probabilities(features: Array, weight: Array, bias: Array, kind: str) -> NDArray[np.float64]:
    """Probabilities (images, classes) of a linear classifier, computed in float64 from features (images, features)."""
    logits = np.empty((len(features), len(bias)))
    for start in range(0, len(features), ROWS):
        rows = slice(start, start + ROWS)
        logits[rows] = features[rows].astype(np.float64) @ weight.T + bias
    return class_probabilities(logits, kind)


@dataclass(frozen=True)
class GridPoint:
    """One penalty of the grid: its fit, see :func:`~monai_mocoi.analysis.fit_logistic`, and its score.

    ``score``: on validation, higher is better: the metric, or minus the log loss; None if it is not defined there.
    ``gradient``: largest relative gradient norm of a class. ``converged``: whether all classes reached the tolerance.
    """

    penalty: float
    score: float | None
    iterations: int
    gradient: float
    converged: bool


@dataclass(frozen=True)
class LinearFit:
    """The chosen :class:`~monai_mocoi.analysis.LogisticFit` of one stage, and the ``grid``, from strong to weak.

    ``penalty``, ``selection``, ``score``: the chosen one; by "metric", "loss", or "last" (a fixed one); its score on
    validation. ``edge``: "strongest" or "weakest" where it is the end of the grid, so that a better one may be outside;
    else None.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    penalty: float
    selection: str
    score: float | None
    edge: str | None
    grid: tuple[GridPoint, ...]
    constant: tuple[int, ...]

    def probabilities(self, features: Array, kind: str) -> NDArray[np.float64]:
        """Probabilities (images, classes) for features (images, features); ``kind`` as in LinearEvaluation."""
        return predict_probabilities(features, self.weight, self.bias, kind)

    def layer_logits(self, features: Array) -> torch.Tensor:
        """Logits (images, classes) float64 of a network whose linear layer, in float32, is this fit."""
        weight, bias = (torch.from_numpy(own).float() for own in (self.weight, self.bias))
        return torch.nn.functional.linear(
            torch.from_numpy(np.ascontiguousarray(features)).float(), weight, bias
        ).double()

    def layer_probabilities(self, features: Array, kind: str) -> NDArray[np.float64]:
        """Probabilities (images, classes) of that network."""
        return class_probabilities(self.layer_logits(features), kind)

    def summary(self) -> dict[str, Any]:
        """Everything but the weights, as plain values for a JSON file."""
        own = {name: getattr(self, name) for name in ("penalty", "selection", "score", "edge")}
        return {**own, "constant_classes": list(self.constant), "grid": [vars(point) for point in self.grid]}
