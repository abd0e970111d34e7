"""Recalibration: monotone maps that correct probabilities, fitted on validation images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, softmax

from monai_mocoi.metrics.decisions import one_hot
from monai_mocoi.metrics.inputs import check_scores

_FLOOR = 1e-12  # of multiclass probabilities, whose logarithm is taken: float32 gives zeros
_SHARPEST = 1e3  # of 1 / temperature, and 1 / this the flattest


def platt_scaled(probabilities: Any, intercept: float, slope: float) -> np.ndarray:
    """Logistic recalibration (Platt 1999; Cox 1958): the logit becomes intercept + slope x logit; 0 and 1 stay.

    ``intercept`` is the ``offset`` of :class:`~monai_mocoi.metrics.CalibrationLine`; a ``slope`` of 0 or less is
    refused with ValueError: above 0 the order of the images stays.
    """
    if not slope > 0:
        raise ValueError(f"the slope is {slope}; recalibration needs one above 0, which keeps the order of the images")
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return expit(intercept + slope * (np.log(p) - np.log1p(-p)))


def temperature_scaled(probabilities: Any, temperature: float) -> np.ndarray:
    """Softmax of the logits / temperature (Guo et al. 2017): the same class stays the most probable one.

    Takes ``(n, classes)`` probabilities, whose logarithms are logits; those below 1e-12 count as 1e-12. Above 1 the
    temperature brings them nearer to each other; 0 or less is refused with ValueError.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}; expected above 0")
    return softmax(_floored_log(np.asarray(probabilities, dtype=np.float64)) / temperature, axis=-1)


def _floored_log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, _FLOOR))


def fit_temperature(labels: Any, probabilities: Any) -> float:
    """The temperature of the largest likelihood, between 0.001 and 1000.

    Takes ``(n,)`` class numbers and ``(n, classes)`` probabilities as :func:`temperature_scaled`. NaN where the
    likelihood has no maximum between them, as with perfect separation, or where a class is no more probable where it
    is.
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
    """Recalibrate ``(..., classes)`` probabilities, 0..1, by :func:`~monai_mocoi.analysis.fit_recalibration`'s record.

    A class without numbers in it keeps its probabilities; one of another method or of other ``classes`` (names, in the
    order of the probabilities) is a ValueError.
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
