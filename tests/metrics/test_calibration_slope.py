from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from monai_mocoi.metrics import (
    NoCalibrationLineError,
    calibration_line,
    calibration_line_by_patient,
    patient_bootstrap,
)
from monai_mocoi.metrics.calibration_slope import clipped_logit


def calibrated(seed: int, patients: int = 300, images: int = 1, shift: float = -1.0):
    """Labels drawn from the probabilities; those of a patient's images are alike."""
    drawn = np.random.default_rng(seed)
    own = np.repeat(drawn.normal(shift, 1.2, patients), images)
    said = expit(own + drawn.normal(0, 0.5, len(own)))
    return drawn.uniform(size=len(said)) < said, said, np.repeat(np.arange(patients), images)


def by_scikit_learn(labels, said, weights=None):
    x = clipped_logit(said)[:, None]
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, labels, sample_weight=weights)
    return float(fitted.intercept_[0]), float(fitted.coef_[0, 0])


def intercept_by_bisection(labels, said, weights):
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        expected = (weights * expit(clipped_logit(said) + middle)).sum()
        low, high = (middle, high) if expected < (weights * labels).sum() else (low, middle)
    return low


@pytest.mark.parametrize("seed", range(3))
def test_the_line_is_that_of_scikit_learn_and_of_a_bisection(seed: int) -> None:
    labels, said, _ = calibrated(seed)
    said = said**1.7
    line = calibration_line(labels, said)
    assert (line.offset, line.slope) == pytest.approx(by_scikit_learn(labels, said), abs=1e-4)
    assert line.intercept == pytest.approx(intercept_by_bisection(labels, said, np.ones(len(said))), abs=1e-9)
    mended = expit(line.offset + line.slope * clipped_logit(said))
    again = calibration_line(labels, mended)  # closed form: what it mends is calibrated
    assert (again.intercept, again.slope) == pytest.approx((0, 1), abs=1e-6)


def test_known_miscalibration_is_found() -> None:
    labels, said, _ = calibrated(0, patients=4000)
    bold = expit(2 * clipped_logit(said) + 1)
    line = calibration_line(labels, bold)
    assert line.slope == pytest.approx(0.5, abs=0.05)
    assert calibration_line(labels, said**2).intercept > 0.5  # squared probabilities are too low
    assert calibration_line(labels, said).slope == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("patients", "images", "shift"), [(800, 1, -1.0), (150, 4, -1.0), (1200, 1, -4.5)])
def test_resamples_are_as_if_each_were_fitted_to_the_end(patients: int, images: int, shift: float) -> None:
    """Off by less than a fiftieth of the interval at most; the third case has about 25 positives."""
    labels, said, ids = calibrated(5, patients, images, shift)
    statistic = calibration_line_by_patient(labels, said, ids)
    draw = patient_bootstrap(ids, labels, 60, 0)
    values = draw.apply(statistic).values
    spread = values.std(axis=0)
    for resample in range(60):
        weights = draw.weights(resample)
        exact = intercept_by_bisection(labels, said, weights), by_scikit_learn(labels, said, weights)[1]
        assert (np.abs(values[resample] - exact) < 0.02 * 4 * spread).all()
    line = calibration_line(labels, said)
    np.testing.assert_allclose(statistic(np.ones((patients, 1)))[0], [line.intercept, line.slope], atol=1e-9)


def test_a_few_logits_far_out_leave_no_resample_without_a_slope() -> None:
    """Plain Newton steps went round in a circle in 20 of these resamples, although each has a slope."""
    drawn = np.random.default_rng(0)
    labels = drawn.integers(0, 2, (120, 2))
    said = np.clip(0.5 + 0.2 * (labels - 0.5) + drawn.normal(0, 0.2, (120, 2)), 0, 1)[:, 0]
    labels, ids = labels[:, 0], np.arange(120)
    draw = patient_bootstrap(ids, labels, 199, 0)
    values = draw.apply(calibration_line_by_patient(labels, said, ids)).values
    exact = [by_scikit_learn(labels, said, draw.weights(resample))[1] for resample in range(199)]
    np.testing.assert_allclose(values[:, 1], exact, atol=1e-6)


def test_the_values_without_each_patient_are_nearly_those_of_a_whole_fit() -> None:
    labels, said, ids = calibrated(3, 120, 2)
    found = calibration_line_by_patient(labels, said, ids).left_out()
    spread = found.std(axis=0)
    for patient in range(0, 120, 10):
        line = calibration_line(labels[ids != patient], said[ids != patient])
        assert (np.abs(found[patient] - [line.intercept, line.slope]) < 0.1 * spread).all()


@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_one_image_far_out_beside_a_narrow_bulk_costs_no_digits(spread: float) -> None:
    """Cells of equal width alone put the slope off by a fifth of the interval: the bulk fell into a few of them."""
    drawn = np.random.default_rng(5)
    said = expit(drawn.normal(-1, spread, 800))
    labels = drawn.uniform(size=800) < said
    said[0], labels[0] = 1, True
    ids = np.arange(800)
    statistic = calibration_line_by_patient(labels, said, ids)
    draw = patient_bootstrap(ids, labels, 30, 0)
    values = draw.apply(statistic).values
    for resample in range(30):
        rows = np.repeat(ids, draw.weights(resample).astype(int))
        line = calibration_line(labels[rows], said[rows])
        off = np.abs(values[resample] - [line.intercept, line.slope])
        assert (off < 0.02 * 4 * values.std(axis=0)).all()


@pytest.mark.parametrize("images", [1, 3])
def test_on_calibrated_data_the_intervals_hold_the_truth_in_95_percent_of_draws(images: int) -> None:
    """Also with several images a patient, whose labels are alike: intervals over images would be too narrow."""
    held = np.zeros(2)
    draws = 120
    for seed in range(draws):
        drawn = np.random.default_rng(seed)
        said = expit(drawn.normal(-0.5, 1.3, 150)).repeat(images)
        labels = (drawn.uniform(size=150) < said[::images]).repeat(images)  # a patient's images say and are the same
        ids = np.repeat(np.arange(150), images)
        values = patient_bootstrap(ids, labels, 199, seed).apply(calibration_line_by_patient(labels, said, ids))
        low, high = values.interval("bca")  # the one that is told
        held += (low <= [0, 1]) & (np.array([0, 1]) <= high)
    # 95 % less three standard errors of 120 draws, and more two: an interval that always holds is too wide.
    assert (held / draws > 0.89).all(), held / draws
    assert (held / draws < 0.99).all(), held / draws


def test_probabilities_of_0_and_1_count_as_a_millionth_away() -> None:
    labels = np.array([0, 1, 0, 1, 1, 0])
    said = np.array([0.0, 1.0, 1.0, 0.0, 0.9, 0.2])
    near = np.clip(said, 1e-6, 1 - 1e-6)
    assert calibration_line(labels, said) == calibration_line(labels, near)


@pytest.mark.parametrize(
    ("labels", "said", "words"),
    [
        ([0, 1, 0, 1], [0.5] * 4, "same"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], "separate"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], "separate"),
        ([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], "same label"),
    ],
)
def test_why_there_is_no_line(labels: list[int], said: list[float], words: str) -> None:
    with pytest.raises(NoCalibrationLineError, match=words):
        calibration_line(labels, said)


def test_a_resample_that_is_separated_has_no_slope() -> None:
    labels, said = np.array([0, 0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
    counts = np.array([[1, 1, 0, 1, 1, 1]]).T.astype(float)
    intercept, slope = calibration_line_by_patient(labels, said, np.arange(6))(counts)[0]
    assert np.isnan(slope)
    assert np.isfinite(intercept)
