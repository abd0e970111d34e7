"""The thresholds of decisions, chosen on validation."""

from __future__ import annotations

import math

from monai_mocoi.data import Predictions
from monai_mocoi.metrics import over_known, youden_threshold

WITHOUT_A_CHOICE = 0.5
"""The threshold of a finding that validation says nothing of."""


def chosen_thresholds(predictions: Predictions) -> tuple[dict[str, float] | None, list[str]]:
    """Choose the decision threshold of each finding on the validation images in which it is known, by Youden's index.

    Args:
        predictions: of the validation images.

    Returns:
        the threshold by finding (0.5 where there is nothing to choose by), and the names of the latter. None and none
        for softmax classes: there the highest probability decides.
    """
    if predictions.kind == "softmax":
        return None, []
    if not predictions.images:
        return dict.fromkeys(predictions.classes, WITHOUT_A_CHOICE), list(predictions.classes)
    found = over_known(youden_threshold, predictions.labels, predictions.probabilities).tolist()
    named = dict(zip(predictions.classes, found, strict=True))
    without = [name for name, value in named.items() if math.isnan(value)]
    return {name: WITHOUT_A_CHOICE if name in without else value for name, value in named.items()}, without
