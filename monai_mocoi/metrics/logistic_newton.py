"""Newton's method for logistic regression on one variable, for counts of many resamples at once."""

import numpy as np
from scipy.special import expit

from monai_mocoi.metrics.inputs import ratio

_LONGEST_STEP, _FEW_STEPS, _MOST_STEPS = 2.0, 12, 50  # of Newton's method: with plain steps, and with halved ones
_MOST_HALVINGS = 20
_SMALL_STEP = 1e-6  # the error that is left is about its square


def fit_intercept(x: np.ndarray, images: np.ndarray, found: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Newton for a of logit(share) = a + x: ``x (cells,)``, counts ``(cells, resamples)``, to ``(resamples,)``."""
    value = start.copy()
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
    start = np.array([[offset + slope * middle], [slope * spread]])
    line, ended = _newton(z, images, found, start, _FEW_STEPS)
    if not ended.all():  # a few logits far out can make plain steps go round in a circle
        line[:, ~ended], ended[~ended] = _newton(
            z, images[:, ~ended], found[:, ~ended], np.zeros((2, 1)), _MOST_STEPS, True
        )
    b = np.where(ended, line[1] / spread, np.nan)
    return line[0] - b * middle, b


def _newton(
    z: np.ndarray, images: np.ndarray, found: np.ndarray, start: np.ndarray, most: int, halved: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """``(2, resamples)``, and where it has ended; ``halved``: no step may lower the likelihood."""
    line = np.repeat(start, images.shape[1], axis=1)
    for _ in range(most):
        said = expit(line[0] + line[1] * z[:, None])
        expected = images * said
        gap, weight = found - expected, expected * (1 - said)
        g0, g1 = gap.sum(axis=0), z @ gap
        h0, h1, h2 = weight.sum(axis=0), z @ weight, (z * z) @ weight
        steps = ratio(np.stack([h2 * g0 - h1 * g1, h0 * g1 - h1 * g0]), h0 * h2 - h1 * h1)
        size = np.abs(steps).max(axis=0)
        shorter = np.minimum(1, _LONGEST_STEP / np.maximum(size, _LONGEST_STEP))
        steps = np.where(np.isfinite(size), steps * shorter, 0.0)
        if halved:
            before = _log_likelihood(z, images, found, line)
            for _ in range(_MOST_HALVINGS):
                falls = _log_likelihood(z, images, found, line + steps) < before
                if not falls.any():
                    break
                steps = np.where(falls, steps / 2, steps)
        line = line + steps
        if not (size > _SMALL_STEP).any():
            break
    return line, size <= _SMALL_STEP


def _log_likelihood(z: np.ndarray, images: np.ndarray, found: np.ndarray, line: np.ndarray) -> np.ndarray:
    logit = line[0] + line[1] * z[:, None]
    return (found * logit - images * np.logaddexp(0, logit)).sum(axis=0)
