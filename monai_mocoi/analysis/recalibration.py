"""Fitting a recalibration on validation predictions, with a reason where there are too few images."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi import metrics
from monai_mocoi.data import Predictions

FEWEST_IMAGES, FEWEST_PATIENTS = 10, 5
"""Of positives, and of negatives, that a validation set needs for fitting or choosing anything by them."""


def too_few(labels: NDArray[np.bool_], patients: NDArray[Any]) -> str | None:
    """Why nothing can be fitted to these labels of one class, ``(n,)`` with patient ids; None: there are enough."""
    for side, own in (("positive", labels), ("negative", ~labels)):
        images, people = int(own.sum()), len(set(patients[own]))
        if images < FEWEST_IMAGES or people < FEWEST_PATIENTS:
            return (
                f"Validation has {images} {side} image(s) of {people} patient(s); {FEWEST_IMAGES} of {FEWEST_PATIENTS} "
                "are needed."
            )
    return None


def fit_recalibration(validation: Predictions) -> dict[str, Any]:
    """Fit on validation what corrects the probabilities of other images.

    Findings, and the second of two classes of one softmax, by Platt's map (a slope and an intercept on the logit, by
    maximum likelihood); more classes by one temperature.

    Returns plain values: ``{"method": "platt", "images", "patients", "classes": {name: {"intercept", "slope",
    "positives", "negatives"}}}`` or ``{"method": "temperature", "images", "patients", "temperature"}``. ``{"reason"}``
    is instead of numbers that cannot be fitted, or would reverse the order of images.
    """
    patients, truth = np.array(validation.patients, dtype=str), validation.truth()
    counts = {"images": len(validation.images), "patients": len(set(validation.patients))}
    if validation.kind != "multilabel" and len(validation.classes) != 2:
        return {"method": "temperature", **counts, **_temperature(validation, truth == 1, patients)}
    classes = {
        validation.classes[i]: _line(truth[:, i], validation.probabilities[:, i], patients)
        for i in metrics.ranked_columns(validation.kind, len(validation.classes))
    }
    return {"method": "platt", **counts, "classes": classes}


def _line(truth: NDArray[np.int64], probabilities: NDArray[np.float64], patients: NDArray[Any]) -> dict[str, Any]:
    known = metrics.is_known(truth)
    labels, probabilities, patients = truth[known] == 1, probabilities[known], patients[known]
    if (reason := too_few(labels, patients)) is not None:
        return {"reason": reason}
    try:
        line = metrics.calibration_line(labels, probabilities)
    except metrics.NoCalibrationLineError as error:
        return {"reason": str(error)}
    if line.slope <= 0:
        return {
            "reason": f"The calibration slope on validation is {line.slope:.2f}: the probabilities rank backwards, and "
            "a map that corrects them would reverse the decisions."
        }
    counts = {"positives": int(labels.sum()), "negatives": int((~labels).sum())}
    return {"intercept": line.offset, "slope": line.slope, **counts}


def _temperature(validation: Predictions, truth: NDArray[np.bool_], patients: NDArray[Any]) -> dict[str, Any]:
    reasons = [too_few(truth[:, i], patients) for i in range(truth.shape[1])]
    # One number for all classes: it needs no more than two of them.
    if sum(reason is None for reason in reasons) < 2:
        return {"reason": next(reason for reason in reasons if reason is not None)}
    found = metrics.fit_temperature(validation.labels, validation.probabilities)
    if math.isnan(found):
        return {"reason": "No temperature can be fitted: the probabilities separate the classes, or are uninformative."}
    return {"temperature": found}


def is_fitted(record: Mapping[str, Any] | None) -> bool:
    """Whether a record corrects the probabilities of at least one class."""
    lines = (record or {}).get("classes", {}).values()
    return record is not None and ("temperature" in record or any("slope" in line for line in lines))


def why_not_fitted(record: Mapping[str, Any] | None) -> str | None:
    """Why a record corrects nothing; None: it does."""
    if is_fitted(record):
        return None
    if record is None:
        return "No recalibration is known: there were no validation predictions to fit it on."
    reasons = [record.get("reason"), *(line.get("reason") for line in record.get("classes", {}).values())]
    return next((reason for reason in reasons if reason), "No recalibration was fitted.")


def recalibrated(predictions: Predictions, record: Mapping[str, Any]) -> Predictions:
    """The same predictions with recalibrated probabilities; ValueError: the record is of other classes."""
    made = metrics.apply_recalibration(predictions.probabilities, record, predictions.classes, predictions.kind)
    return replace(predictions, probabilities=made)
