"""Kolmogorov-Smirnov distance of two classifiers' outputs on the same images, with a null and an interval."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi import metrics
from monai_mocoi.analysis.interval_settings import IntervalSettings
from monai_mocoi.analysis.matched import matched
from monai_mocoi.data import Predictions

_ONE_PATIENT = "All images are of one patient: there is no interval over patients."
_ROUNDING = 1e-9  # of the mean over classes; distances themselves are whole numbers of images


def compare_outputs(
    first: Predictions, second: Predictions, resamples: int = 2000, seed: int = 0, level: float = 0.95
) -> dict[str, Any]:
    """Kolmogorov-Smirnov distance between two classifiers' probabilities, of each class and as a mean.

    Of two classes of one softmax the second's alone. The distance is never negative, and above 0 by chance alone. So it
    comes with (both over *patients*) a null: the distances after each patient's outputs of the two models changed
    places with a probability of one half, and the share of these that are as large (``p_value``, never 0, not
    corrected); and an interval that is not biased upwards (:func:`~monai_mocoi.metrics.resampled_deviations`), which
    usually covers more than its level. The null hypothesis is that it does not matter which of *these two* models an
    output is of; two runs that differ in their seed alone usually differ too: compare with their distance.

    The images are the same, in any order. There are as many swaps for the null as ``resamples`` for the interval, and
    ``level`` is of the interval and of the null's limit.

    Returns:
        plain values, without NaN::

            {"kind", "images", "patients", "resamples", "seed", "level",
             "overall": DISTANCE,
             "classes": {name: DISTANCE and "at", "first_share", "second_share"}}

        A DISTANCE is ``{"value", "interval": [low, high], "null": {"mean", "limit"}, "p_value"}``; ``level`` of the
        null distances are at most ``limit``. The largest gap is at the probability ``at``: up to it are ``first_share``
        and ``second_share`` of the outputs. The interval is None, with a ``"reason"``, where all images are of one
        patient.

    Raises:
        ComparisonError: images, patients, labels or classes differ.
        EvaluationError: a setting out of range.
    """
    IntervalSettings(resamples, seed, level=level)  # its ranges are these
    second = matched(first, second)
    columns = metrics.ranked_columns(first.kind, len(first.classes))
    one, other = first.probabilities[:, columns], second.probabilities[:, columns]
    patients, _ = metrics.patient_index(np.array(first.patients, dtype=str))
    distance, place = metrics.ks_distance(one, other)
    chance = metrics.swapped_distances(one, other, patients, resamples, seed)
    deviations = None
    if len(set(first.patients)) > 1:
        deviations = metrics.resampled_deviations(
            one, other, metrics.patient_bootstrap(patients, None, resamples, seed)
        )

    def described(column: int | None) -> dict[str, Any]:
        def own(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return values.mean(axis=-1) if column is None else values[..., column]

        value, null = float(own(distance)), own(chance)
        number = {
            "value": value,
            "interval": None if deviations is None else _interval(value, own(deviations), level),
            "null": {"mean": float(null.mean()), "limit": float(np.quantile(null, level, method="higher"))},
            "p_value": float((1 + (null >= value - _ROUNDING).sum()) / (1 + resamples)),
        }
        return number if deviations is not None else {**number, "reason": _ONE_PATIENT}

    return {
        "kind": first.kind,
        "images": len(first.images),
        "patients": len(set(first.patients)),
        "resamples": resamples,
        "seed": seed,
        "level": level,
        "overall": described(None),
        "classes": {
            first.classes[column]: {
                **described(position),
                "at": float(place[position]),
                "first_share": float((one[:, position] <= place[position]).mean()),
                "second_share": float((other[:, position] <= place[position]).mean()),
            }
            for position, column in enumerate(columns)
        },
    }


def _interval(value: float, deviations: NDArray[np.float64], level: float) -> list[float]:
    half = float(np.quantile(deviations, level, method="higher"))
    return [max(0.0, value - half), min(1.0, value + half)]
