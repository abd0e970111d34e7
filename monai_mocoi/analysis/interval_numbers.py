"""Numbers with their intervals, as plain values, and notes on intervals that do not say what they seem to."""

from typing import Any

import numpy as np

from monai_mocoi.analysis.interval_settings import IntervalSettings
from monai_mocoi.metrics import Bootstrapped

NO_WIDTH = (
    "The interval has zero width because every resample gave the same value (e.g. perfect separation). This does not "
    "mean that the estimate is certain: the test set is too small or too easy to estimate its uncertainty."
)
ONE_VALUE = (
    "The interval has zero width because both of its ends are the same value of the resamples. It does not tell how "
    "certain the estimate is."
)
BIASED = (
    "Resampling raises this error by itself, so that its interval would not hold the value. Read the calibration's "
    "intercept, slope and Brier score instead."
)

Number = dict[str, Any]
"""A NUMBER, see :func:`~monai_mocoi.analysis.evaluate_predictions`."""


def numbers(found: Bootstrapped, settings: IntervalSettings, metric: str | None = None) -> list[Number]:
    """Value and interval of each column, as NUMBERs; of which metric, for the calibration error."""
    limits = found.interval(settings.interval, settings.level).reshape(2, -1)
    width, made = np.atleast_1d(np.ptp(found.values, axis=0)), []
    for value, low, high, all_values in zip(np.atleast_1d(found.estimate), *limits, width, strict=True):
        number: Number = {"value": float(value), "interval": [float(low), float(high)]}
        if low == high:
            number["note"] = NO_WIDTH if all_values == 0 else ONE_VALUE
        made.append(_with_a_true_interval(number) if metric == "calibration_error" else number)
    return made


def _with_a_true_interval(number: Number) -> Number:
    """Without an interval that does not hold its own value: resampling alone raises a calibration error."""
    low, high = number["interval"]
    holds = low <= number["value"] <= high
    return number if holds else {"value": number["value"], "interval": None, "reason": BIASED}
