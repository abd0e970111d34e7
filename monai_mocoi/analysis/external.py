"""External test: a classifier on the images of another hospital, compared with its own test images."""

from collections.abc import Mapping
from typing import Any

from monai_mocoi.analysis.evaluation import evaluate_predictions
from monai_mocoi.analysis.input_shift import input_shift
from monai_mocoi.analysis.resampled_images import OVERALL
from monai_mocoi.data import Predictions, predictions_of
from monai_mocoi.metrics import interval_of_difference

_NOT_COMPARED = {
    "calibration_error": "It is biased upwards, and the more so the fewer images there are: tests of two sizes differ "
    "in it though the classifier is as well calibrated in both. Look at intercept and slope of the calibration."
}
"""Numbers of which there is no difference, and why."""


def external_report(
    predictions: Predictions,
    report: Mapping[str, Any],
    own: Predictions | None,
    training: Mapping[str, Any] | None = None,
    own_inputs: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Compare an external test with a classifier's own.

    The two tests share no patient: the interval of a difference comes from those of both
    (:func:`~monai_mocoi.metrics.interval_of_difference`). Both are measured over the same classes: findings that both
    tests have enough images of; multiclass: these classes must be the same in both, or nothing is compared. Average
    precision, F1 and calibration also change with the prevalence.

    Args:
        predictions: of the other hospital's images, probabilities as the network gives them.
        report: of :func:`~monai_mocoi.analysis.evaluate_predictions` or :func:`~monai_mocoi.analysis.evaluate_fully`.
            Where that is of recalibrated probabilities, they are measured again as they are, like the own test's.
        own: of the classifier's own test images; None: it was not tested on them.
        training: counts of the training images, ``images`` and ``positives`` by class; None: unknown.
        own_inputs, inputs: :func:`~monai_mocoi.analysis.summarise_inputs` of training images, and of these; or None.

    Returns:
        plain values::

            {"probabilities": "as the network gives them",
             "compared_classes": [...] or None,
             "overall": {name: {"own": NUMBER, "here": NUMBER, "difference": {"value", "interval"}}},
             "auc": {class: likewise},
             "prevalence": {class: {"training", "own_test", "here"}},
             "inputs": {statistic: {"training", "here", "shift"}} or None}

        ``difference`` is here - own; None where it is unknown, with a ``"reason"`` for the calibration error.
    """
    made = report["intervals"]
    settings = {name: made[name] for name in ("resamples", "seed", "level")} | {"interval": made["method"]}
    settings |= {name: report[name] for name in ("min_positives", "min_negatives")}
    found: dict[str, Any] = {
        "probabilities": "as the network gives them",
        **{"compared_classes": None, "overall": {}, "auc": {}},
        "prevalence": _prevalence(predictions, own, training),
        "inputs": None if own_inputs is None or inputs is None else input_shift(own_inputs, inputs),
    }
    if own is None:
        return found
    thresholds = report["thresholds"]
    own, of_here = predictions_of(own, predictions.classes), dict(report)
    if report.get("probabilities") == "recalibrated":
        of_here = evaluate_predictions(predictions, thresholds, **settings)
    of_own = evaluate_predictions(own, thresholds, **settings)
    classes = [name for name in report["scored_classes"] if name in of_own["scored_classes"]]
    if classes and predictions.kind == "multilabel":
        if classes != report["scored_classes"]:
            of_here = evaluate_predictions(predictions_of(predictions, classes), thresholds, **settings)
        if classes != of_own["scored_classes"]:
            of_own = evaluate_predictions(predictions_of(own, classes), thresholds, **settings)
    if not classes or of_own["scored_classes"] != of_here["scored_classes"]:
        return found
    return {
        **found,
        "compared_classes": classes,
        "overall": {
            name: _compared(of_own["overall"][name], of_here["overall"][name], _NOT_COMPARED.get(name))
            for name in OVERALL
        },
        "auc": {
            name: _compared(of_own["classes"][name]["auc"], of_here["classes"][name]["auc"])
            for name in classes
            if "auc" in of_own["classes"][name] and "auc" in of_here["classes"][name]
        },
    }


def _compared(own: Mapping[str, Any], here: Mapping[str, Any], why_not: str | None = None) -> dict[str, Any]:
    difference: dict[str, Any] = {"value": None, "interval": None}
    if why_not is not None:
        difference["reason"] = why_not
    elif own["value"] is not None and here["value"] is not None:
        difference["value"] = here["value"] - own["value"]
        if own["interval"] is not None and here["interval"] is not None:
            ends = interval_of_difference(here["value"], here["interval"], own["value"], own["interval"])
            difference["interval"] = list(ends)
    sides = {"own": own, "here": here}.items()
    shown = {side: {name: one[name] for name in ("value", "interval")} for side, one in sides}
    return {**shown, "difference": difference}


def _prevalence(
    here: Predictions, own: Predictions | None, training: Mapping[str, Any] | None
) -> dict[str, dict[str, float | None]]:
    shares, tested = _shares(here), {} if own is None else _shares(own)
    images = (training or {}).get("images")
    positives, unknown = ((training or {}).get(name, {}) for name in ("positives", "unknown"))
    known = {name: images - unknown.get(name, 0) for name in positives} if images else {}
    return {
        name: {
            "training": positives[name] / known[name] if known.get(name) else None,
            "own_test": tested.get(name),
            "here": share,
        }
        for name, share in shares.items()
    }


def _shares(predictions: Predictions) -> dict[str, float | None]:
    """Of each class the share of positives among the images in which it is known; None: among none."""
    positives, negatives = (side.sum(axis=0) for side in predictions.sides())
    return {
        name: float(found / (found + absent)) if found + absent else None
        for name, found, absent in zip(predictions.classes, positives, negatives, strict=True)
    }
