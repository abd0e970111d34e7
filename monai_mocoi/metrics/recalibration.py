"""Recalibration: monotone maps that correct probabilities, fitted on validation images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, softmax

from monai_mocoi.metrics.inputs import check_scores
from monai_mocoi.metrics.thresholds import one_hot

_FLOOR = 1e-12  # of multiclass probabilities, whose logarithm is taken: float32 gives zeros
_SHARPEST = 1e3  # of 1 / temperature, and 1 / this the flattest


def platt_scaled(probabilities: Any, intercept: float, slope: float) -> np.ndarray:
    """Logistic recalibration (Platt 1999; Cox 1958): the logit becomes intercept + slope x logit.

    Args:
        probabilities: 0..1, of any shape; 0 and 1 stay.
        intercept: ``offset`` of :class:`~monai_mocoi.metrics.CalibrationLine`.
        slope: of the same, above 0: so the order of the images stays.

    Raises:
        ValueError: a slope of 0 or less.
    """
    if not slope > 0:
        raise ValueError(f"the slope is {slope}; recalibration needs one above 0, which keeps the order of the images")
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return expit(intercept + slope * (np.log(p) - np.log1p(-p)))


def temperature_scaled(probabilities: Any, temperature: float) -> np.ndarray:
    """Softmax of the logits / temperature (Guo et al. 2017): the same class stays the most probable one.

    Args:
        probabilities: ``(n, classes)``, 0..1, whose logarithms are logits; those below 1e-12 count as 1e-12, as when it
            is fitted; each row is scaled to a sum of 1.
        temperature: above 0; above 1 the probabilities come nearer to each other.

    Raises:
        ValueError: a temperature of 0 or less.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}; expected above 0")
    return softmax(_floored_log(np.asarray(probabilities, dtype=np.float64)) / temperature, axis=-1)


def _floored_log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, _FLOOR))


def fit_temperature(labels: Any, probabilities: Any) -> float:
    """The temperature of the largest likelihood.

    Args:
        labels: ``(n,)`` class numbers.
        probabilities: ``(n, classes)``, 0..1; those below 1e-12 count as 1e-12.

    Returns:
        it, between 0.001 and 1000; NaN where the likelihood has no top between them, as where every image's class has
        the highest probability, or a class is no more probable where it is than elsewhere.

    Raises:
        ValueError: shapes that do not fit, or a label that is no such number.
    """
    z = _floored_log(check_scores(probabilities, "probabilities"))
    own = one_hot(labels, z.shape[1])
    z = z - z.mean(axis=1, keepdims=True)

    def gap(sharpness: float) -> float:
        # The slope of the log-likelihood, which falls with the sharpness.
        return float((z * own).sum() - (z * softmax(sharpness * z, axis=1)).sum())

    low, high = 1 / _SHARPEST, _SHARPEST
    if not gap(low) > 0 > gap(high):
        return np.nan
    return 1 / float(brentq(gap, low, high, xtol=1e-12, rtol=1e-12))


def apply_recalibration(probabilities: Any, record: Mapping[str, Any], classes: Sequence[str], kind: str) -> np.ndarray:
    """Recalibrate as a record says.

    Args:
        probabilities: ``(..., classes)``, 0..1.
        record: of :func:`~monai_mocoi.analysis.fit_recalibration`; a class without numbers keeps its probabilities.
        classes: names of findings or classes, in their order.
        kind: "multilabel" or "multiclass".

    Returns:
        float64 of the same shape.

    Raises:
        ValueError: the record is of another method or of other classes.
    """
    made = np.array(probabilities, dtype=np.float64)
    method, of_classes = record.get("method"), record.get("classes", {})
    if method == "temperature" and kind != "multilabel":
        temperature = record.get("temperature")
        return made if temperature is None else temperature_scaled(made, temperature)
    if method != "platt" or not set(of_classes) <= set(classes):
        raise ValueError(
            f"a recalibration by {method!r} of {', '.join(of_classes) or 'no class'} does not fit {kind} classes "
            f"{', '.join(classes)}: it is of another classifier"
        )
    for name, line in of_classes.items():
        if "slope" in line:
            column = list(classes).index(name)
            made[..., column] = platt_scaled(made[..., column], line["intercept"], line["slope"])
            if kind != "multilabel":  # of two classes
                made[..., 1 - column] = 1 - made[..., column]
    return made
