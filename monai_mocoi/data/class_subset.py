"""Of what is known of all of a classifier's classes, the part of some: another hospital may lack a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from monai_mocoi.data.predictions import Predictions


def predictions_of(predictions: Predictions, classes: Sequence[str]) -> Predictions:
    """Of findings these alone, in this order; softmax classes stay together, because their probabilities sum to one.

    Raises:
        ValueError: a finding that is not predicted.
    """
    if predictions.kind == "softmax" or predictions.classes == tuple(classes):
        return predictions
    columns = [predictions.classes.index(name) for name in classes]
    parts = {name: getattr(predictions, name)[:, columns] for name in ("labels", "probabilities")}
    return replace(predictions, classes=tuple(classes), **parts)


def record_of(record: Mapping[str, Any] | None, classes: Sequence[str]) -> dict[str, Any] | None:
    """A recalibration, or operating points, of these classes alone; None stays None.

    One of all classes together (a temperature) stays, and so does one without a class in common: it is of another
    classifier, and whoever uses it says so.
    """
    if record is None or not set(record.get("classes", {})) & set(classes):
        return None if record is None else dict(record)
    return {**record, "classes": {name: own for name, own in record["classes"].items() if name in classes}}
