"""Logistic regression on one variable, of many resamples at once, by Newton's method."""

import numpy as np
from scipy.special import expit

from monai_mocoi.metrics.patient_statistics import ratio

_LONGEST_STEP, _MOST_STEPS = 2.0, 50
_SMALL_STEP = 1e-6  # the error that is left is about its square


def fit_intercept(x: np.ndarray, images: np.ndarray, found: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Newton for a of logit(share) = a + x: ``x (cells,)``, counts ``(cells, resamples)``, to ``(resamples,)``."""
    value, step = start.copy(), np.full_like(start, np.inf)
    for _ in range(_MOST_STEPS):
        said = expit(value + x[:, None])
        expected = images * said
        step = ratio(found.sum(axis=0) - expected.sum(axis=0), (expected * (1 - said)).sum(axis=0))
        step = np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        value += step
        if not (np.abs(step) > _SMALL_STEP).any():
            break
    return np.where(np.abs(step) <= _SMALL_STEP, value, np.nan)


def fit_line(
    x: np.ndarray, images: np.ndarray, found: np.ndarray, offset: float, slope: float
) -> tuple[np.ndarray, np.ndarray]:
    """Newton for c and b of logit(share) = c + b x; NaN where it comes to no end."""
    middle, spread = float(np.mean(x)), float(np.std(x))
    z = (x - middle) / spread  # so that one length of step suits both
    a = np.full(images.shape[1], offset + slope * middle)
    b = np.full(images.shape[1], slope * spread)
    size = np.full_like(a, np.inf)
    for _ in range(_MOST_STEPS):
        said = expit(a + b * z[:, None])
        expected = images * said
        gap, weight = found - expected, expected * (1 - said)
        g0, g1 = gap.sum(axis=0), z @ gap
        h0, h1, h2 = weight.sum(axis=0), z @ weight, (z * z) @ weight
        determinant = h0 * h2 - h1 * h1
        steps = ratio(np.stack([h2 * g0 - h1 * g1, h0 * g1 - h1 * g0]), determinant)
        size = np.abs(steps).max(axis=0)
        steps = steps * np.minimum(1, _LONGEST_STEP / np.maximum(size, _LONGEST_STEP))
        a, b = a + steps[0], b + steps[1]
        if not (size > _SMALL_STEP).any():
            break
    b = np.where(size <= _SMALL_STEP, b / spread, np.nan)
    return a - b * middle, b
