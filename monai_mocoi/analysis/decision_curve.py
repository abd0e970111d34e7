"""Decision curve of a classifier: its net benefit over a range of threshold probabilities."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from monai_mocoi.analysis.where_defined import WhereDefined
from monai_mocoi.data import Predictions
from monai_mocoi.errors import EvaluationError
from monai_mocoi.metrics import is_known, net_benefit_by_patient

STEPS, UP_TO = 20, 2.5
"""Thresholds where none are given, evenly up to this many times the share of positives; at least 5 %, at most 90 %."""


def describe_decision_curve(
    predictions: Predictions, defined: WhereDefined, thresholds: Sequence[float] | None = None
) -> dict[str, Any]:
    """Net benefit of each evaluable class, of the model and of treating everybody (treating nobody has 0).

    ``defined.fill`` adds the intervals. Thresholds are above 0 and below 1; None: 20 of each class, up to 2.5 times its
    share of positives. Returns plain values: ``{"classes": {name: {"thresholds": [...], "share_of_positives", "model":
    [NUMBER], "treat_all": [NUMBER], "model_minus_treat_all": [NUMBER]}}}``.
    """
    check_decision_thresholds(thresholds)
    truth, classes = predictions.truth(), {}
    for i in defined.test.ranked:
        share = float((truth[is_known(truth[:, i]), i] == 1).mean())
        top = float(np.clip(UP_TO * share, 0.05, 0.9))
        suited = (top * np.arange(1, STEPS + 1) / STEPS).tolist()
        cuts = suited if thresholds is None else sorted({float(value) for value in thresholds})
        benefit = partial(net_benefit_by_patient, thresholds=cuts)
        found = defined.numbers(benefit, truth[:, i], predictions.probabilities[:, i])
        n = len(cuts)
        classes[predictions.classes[i]] = {
            "thresholds": cuts,
            "share_of_positives": share,
            "model": found[:n],
            "treat_all": found[n : 2 * n],
            "model_minus_treat_all": found[2 * n :],
        }
    return {"classes": classes}


def check_decision_thresholds(thresholds: Sequence[float] | None) -> None:
    """Refuse what is neither None nor a list of numbers above 0 and below 1 with EvaluationError."""
    if thresholds is None:
        return
    good = isinstance(thresholds, list | tuple) and len(thresholds) > 0
    if not good or not all(isinstance(v, int | float) and not isinstance(v, bool) and 0 < v < 1 for v in thresholds):
        raise EvaluationError(
            f"decision_thresholds is {thresholds!r}; it must be a list of numbers above 0 and below 1, such as "
            "[0.05, 0.1, 0.2], or none."
        )
