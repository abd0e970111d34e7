"""Calibration intercept and slope: logistic regression of the labels on the logit, for many resamples at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from threadpoolctl import threadpool_limits

from monai_mocoi.metrics.calibration import one_column, sums_by_place
from monai_mocoi.metrics.inputs import patient_index, ratio, sum_by_patient
from monai_mocoi.metrics.logistic_newton import fit_intercept, fit_line
from monai_mocoi.metrics.patient_statistics import PatientStatistic

PROBABILITY_FLOOR = 1e-6
"""Probabilities nearer to 0 or 1 than this count as this near: the logit of 0 and of 1 is infinite."""
_CELLS = 256  # of the logit at most, in which the images of a resample are counted


class NoCalibrationLineError(ValueError):
    """There is no calibration line, for the reason given."""


@dataclass(frozen=True)
class CalibrationLine:
    """What logistic recalibration finds (Cox 1958; Van Calster et al. 2019).

    ``intercept``: calibration-in-the-large: a of logit(share) = a + logit(p), the slope fixed at 1. Above 0 the
    probabilities are too low, below 0 too high. ``slope``: b of logit(share) = c + b logit(p). Below 1 the
    probabilities are too extreme, above 1 too moderate, below 0 they rank backwards. ``offset``: c of the same; with
    the slope it maps a probability to a calibrated one.
    """

    intercept: float
    slope: float
    offset: float


def clipped_logit(probabilities: Any) -> np.ndarray:
    """log(p / (1 - p)), with p kept ``PROBABILITY_FLOOR`` away from 0 and 1."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return np.log(p) - np.log1p(-p)


@threadpool_limits.wrap(limits=1, user_api="blas")  # type: ignore[untyped-decorator]
def calibration_line(labels: Any, probabilities: Any) -> CalibrationLine:
    """Fit it by maximum likelihood, iterated to the end; NoCalibrationLineError where there is none.

    Takes labels ``(n,)``, 0 or 1 (multiclass: whether the image is of the class), and probabilities ``(n,)``, 0..1;
    ValueError for others.
    """
    labels, probabilities = one_column(labels, probabilities)
    x = clipped_logit(probabilities)
    if labels.all() or not labels.any():
        raise NoCalibrationLineError("All images have the same label: there is no calibration slope.")
    if x.min() == x.max():
        raise NoCalibrationLineError("All probabilities are the same: there is no calibration slope.")
    positive, negative = x[labels], x[~labels]
    if positive.min() >= negative.max() or positive.max() <= negative.min():
        raise NoCalibrationLineError(
            "The probabilities separate the class completely: its calibration slope is infinite."
        )
    # Equal logits are counted together.
    x, place = np.unique(x, return_inverse=True)
    images = np.bincount(place).astype(np.float64)[:, None]
    found = np.bincount(place, weights=labels)[:, None]
    share = found.sum() / images.sum()
    at = (x * images[:, 0]).sum() / images.sum()
    intercept = fit_intercept(x, images, found, np.array([np.log(share / (1 - share)) - at]))
    offset, slope = fit_line(x, images, found, np.log(share / (1 - share)), 0.0)
    if not np.isfinite([intercept[0], slope[0]]).all():
        raise NoCalibrationLineError("There is no calibration slope: the probabilities nearly separate the class.")
    return CalibrationLine(float(intercept[0]), float(slope[0]), float(offset[0]))


def calibration_line_by_patient(labels: Any, probabilities: Any, patients: Any) -> PatientStatistic:
    """Intercept and slope of :func:`calibration_line` for counts of patients: ``(resamples, 2)``.

    Each resample is fitted to the end, on the images counted in up to 256 cells of the logit (exact where no more are
    distinct), and shifted by the difference that the cells make on the whole sample. One Newton step from the whole
    sample's line is enough without one patient, but with few positives a resample would be off by a tenth of the
    interval. NaN where the probabilities separate the images drawn.
    """
    labels, probabilities = one_column(labels, probabilities)
    line = calibration_line(labels, probabilities)
    index, count = patient_index(patients, len(labels))
    x = clipped_logit(probabilities)
    distinct, place = np.unique(x, return_inverse=True)
    if len(distinct) > _CELLS:
        # Half of the edges at equal steps, for gaps far out; half at quantiles, for a narrow bulk beside one image far
        # out: denser towards both ends, so that the outermost images, which weigh most, have cells of their own.
        steps = np.linspace(0, 1, _CELLS // 2 + 1)[1:-1]
        quantiles = np.quantile(x, (1 - np.cos(np.pi * steps)) / 2)
        edges = np.concatenate([distinct[0] + steps * (distinct[-1] - distinct[0]), quantiles])
        place = np.unique(np.searchsorted(np.sort(edges), x, side="right"), return_inverse=True)[1]
    cells = int(place.max()) + 1
    sums = sums_by_place(labels, place, cells, index)
    middle = np.bincount(place, weights=x) / np.bincount(place)

    def fitted(counts: np.ndarray) -> np.ndarray:
        found, missing = (sums @ counts).reshape(2, cells, -1)
        images = found + missing
        intercept = fit_intercept(middle, images, found, np.full(counts.shape[1], line.intercept))
        _, slope = fit_line(middle, images, found, line.offset, line.slope)
        return np.stack([intercept, slope], axis=1)

    shift = np.array([line.intercept, line.slope]) - fitted(np.ones((count, 1)))[0]
    return PatientStatistic(lambda counts: fitted(counts) + shift, lambda: _left_out(labels, x, index, count, line))


def _left_out(labels: np.ndarray, x: np.ndarray, index: np.ndarray, count: int, line: CalibrationLine) -> np.ndarray:
    """One Newton step from the line of all patients to that without each one: ``(patients, 2)``."""
    large, said = expit(line.intercept + x), expit(line.offset + line.slope * x)
    weight, gap = said * (1 - said), labels - said
    columns = np.stack([labels - large, large * (1 - large), gap, x * gap, weight, x * weight, x * x * weight], axis=1)
    own = sum_by_patient(columns, index, count)
    rest = own.sum(axis=0) - own
    intercept = line.intercept + ratio(rest[:, 0], rest[:, 1])
    determinant = rest[:, 4] * rest[:, 6] - rest[:, 5] ** 2
    slope = line.slope + ratio(rest[:, 4] * rest[:, 3] - rest[:, 5] * rest[:, 2], determinant)
    return np.stack([intercept, slope], axis=1)
