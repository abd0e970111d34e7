"""Decisions of a classifier, and their thresholds, which are chosen on validation."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data import Predictions
from monai_mocoi.errors import EvaluationError
from monai_mocoi.metrics import decide, decide_by_highest, over_known, youden_threshold

WITHOUT_A_CHOICE = 0.5  # the threshold of a finding that cannot be chosen on validation


def chosen_thresholds(predictions: Predictions) -> tuple[dict[str, float] | None, list[str]]:
    """Choose the threshold of each finding by Youden's index, on the validation images in which it is known.

    Also returns the findings without anything to choose by: 0.5. Multiclass: None, because the highest decides.
    """
    if predictions.kind != "multilabel":
        return None, []
    if not predictions.images:
        return dict.fromkeys(predictions.classes, WITHOUT_A_CHOICE), list(predictions.classes)
    found = over_known(youden_threshold, predictions.labels, predictions.probabilities).tolist()
    named = dict(zip(predictions.classes, found, strict=True))
    without = [name for name, value in named.items() if math.isnan(value)]
    return {name: WITHOUT_A_CHOICE if name in without else value for name, value in named.items()}, without


def decisions(predictions: Predictions, thresholds: Mapping[str, float] | None) -> NDArray[np.bool_] | None:
    """``(n, classes)`` decisions: by the highest probability; of findings by their thresholds (None: no decisions).

    EvaluationError: a finding has no threshold, or one that is not finite.
    """
    if predictions.kind != "multilabel":
        return decide_by_highest(predictions.probabilities)
    if thresholds is None:
        return None
    missing = [name for name in predictions.classes if not np.isfinite(thresholds.get(name, np.nan))]
    if missing:
        raise EvaluationError(f"there is no threshold for {', '.join(missing)}: each finding needs one, a number.")
    return decide(predictions.probabilities, [thresholds[name] for name in predictions.classes])
