"""Operating points: thresholds chosen on validation for a wanted sensitivity or specificity, and what test says."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi import metrics
from monai_mocoi.analysis.recalibration import too_few
from monai_mocoi.analysis.where_defined import WhereDefined
from monai_mocoi.data import Predictions
from monai_mocoi.errors import EvaluationError

TARGETS = (0.8, 0.9, 0.95)  # the sensitivities and specificities that fine-tuning writes thresholds for
_KINDS = ("sensitivity", "specificity")


def choose_operating_points(
    validation: Predictions, sensitivities: Sequence[float] = TARGETS, specificities: Sequence[float] = TARGETS
) -> dict[str, Any]:
    """Choose on validation the threshold of each class for each wanted sensitivity and specificity.

    Wanted are values above 0 and at most 1. Returns plain values: ``{"images", "patients", "classes": {name:
    [{"target": "sensitivity", "at_least": 0.9, "threshold", "validation": {"sensitivity", "specificity",
    "positive_predictive_value", ...}}]}}``; a ``"reason"`` instead of the last two where none can be chosen.
    """
    check_targets(sensitivities, specificities)
    everybody, truth = np.array(validation.patients, dtype=str), validation.truth()
    wanted = _wanted(sensitivities, specificities)
    classes = {}
    for i in metrics.ranked_columns(validation.kind, len(validation.classes)):
        known = metrics.is_known(truth[:, i])
        labels, said, patients = truth[known, i] == 1, validation.probabilities[known, i], everybody[known]
        few = too_few(labels, patients)
        points = []
        for target, at_least in wanted:
            point: dict[str, Any] = {"target": target, "at_least": at_least}
            threshold = math.nan if few else metrics.threshold_for(target, at_least, labels, said)
            if math.isnan(threshold):
                points.append({**point, "reason": few or _out_of_reach(target, labels, said)})
                continue
            of_all = np.ones((len(set(patients)), 1))
            values = metrics.operating_point_by_patient(labels, said, patients, [threshold])(of_all)[0]
            found = [float(value) if np.isfinite(value) else None for value in values]
            there = dict(zip(metrics.OPERATING_MEASURES, found, strict=True))
            points.append({**point, "threshold": threshold, "validation": there})
        classes[validation.classes[i]] = points
    return {"images": len(validation.images), "patients": len(set(validation.patients)), "classes": classes}


def _out_of_reach(target: str, labels: NDArray[np.bool_], said: NDArray[np.float64]) -> str:
    """Why no threshold reaches the wanted specificity: a threshold is at most the highest probability."""
    negatives = said[~labels]
    highest = int((negatives == said.max()).sum())
    return (
        f"No threshold on validation reaches this {target}: {highest} of {len(negatives)} negative images have the "
        "highest probability of all."
    )


def check_targets(sensitivities: Sequence[float], specificities: Sequence[float]) -> None:
    """Refuse what is not a list of numbers above 0 and at most 1 with EvaluationError."""
    for name, values in (("target_sensitivity", sensitivities), ("target_specificity", specificities)):
        good = isinstance(values, list | tuple)
        if not good or not all(isinstance(v, int | float) and not isinstance(v, bool) and 0 < v <= 1 for v in values):
            raise EvaluationError(f"{name} is {values!r}; it must be a list of numbers above 0 and at most 1: [0.9].")


def wanted_points(
    points: Mapping[str, Any] | None, sensitivities: Sequence[float], specificities: Sequence[float]
) -> dict[str, Any] | None:
    """The wanted ones of points that were chosen before; others get a reason. None: there are none."""
    if points is None:
        return None
    classes = {}
    for name, known in points.get("classes", {}).items():
        by_target = {(point["target"], point["at_least"]): point for point in known}
        missing = "No threshold was chosen for this when the classifier was fine-tuned."
        classes[name] = [
            by_target.get((target, value), {"target": target, "at_least": value, "reason": missing})
            for target, value in _wanted(sensitivities, specificities)
        ]
    return {**points, "classes": classes}


def _wanted(sensitivities: Sequence[float], specificities: Sequence[float]) -> list[tuple[str, float]]:
    return [(kind, float(v)) for kind, own in zip(_KINDS, (sensitivities, specificities), strict=True) for v in own]


def describe_operating_points(
    predictions: Predictions, points: Mapping[str, Any] | None, defined: WhereDefined
) -> dict[str, Any]:
    """What the chosen thresholds give on test.

    ``points``: of :func:`choose_operating_points`; None: no validation predictions are known. ``defined.fill`` adds the
    intervals. Returns plain values: ``{"chosen_on": {"split": "validation", "images", "patients"}, "classes": {name:
    [the point, with a NUMBER for each of OPERATING_MEASURES]}}``; a point without a threshold keeps its reason.
    ``{"reason"}`` without points.
    """
    if points is None:
        return {
            "reason": "Thresholds are chosen on validation, never on test, and no validation predictions are known: "
            "test a fine-tuned run folder, or give the predictions on its validation images."
        }
    truth = predictions.truth()
    classes = {}
    for i in defined.test.ranked:
        name = predictions.classes[i]
        made = [dict(point) for point in points["classes"].get(name, [])]
        known = [point for point in made if "threshold" in point]
        if known:
            points_of = partial(metrics.operating_point_by_patient, thresholds=[point["threshold"] for point in known])
            found = iter(defined.numbers(points_of, truth[:, i], predictions.probabilities[:, i]))
            for measure in metrics.OPERATING_MEASURES:
                for point in known:
                    point[measure] = next(found)
        classes[name] = made
    chosen_on = {"split": "validation", "images": points.get("images"), "patients": points.get("patients")}
    return {"chosen_on": chosen_on, "classes": classes}
