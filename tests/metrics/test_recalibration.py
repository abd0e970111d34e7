from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, softmax

from monai_mocoi.metrics import apply_recalibration, fit_temperature, platt_scaled, temperature_scaled

P = np.random.default_rng(0).uniform(size=200)


def test_platt_scaling_is_a_line_on_the_logit_and_keeps_the_order() -> None:
    made = platt_scaled(P, 0.4, 0.6)
    np.testing.assert_allclose(made, expit(0.4 + 0.6 * logit(P)), atol=1e-12)
    np.testing.assert_array_equal(made.argsort(), P.argsort())
    assert platt_scaled([0.0, 1.0], 2.0, 0.5).tolist() == [0, 1]
    np.testing.assert_allclose(platt_scaled(P, 0, 1), P, atol=1e-12)


@pytest.mark.parametrize("slope", [0.0, -1.0, np.nan])
def test_a_slope_that_turns_the_order_round_is_refused(slope: float) -> None:
    with pytest.raises(ValueError, match="slope"):
        platt_scaled(P, 0, slope)


@pytest.mark.parametrize("bold", [0.4, 1.0, 3.0])
def test_the_temperature_is_that_of_the_least_log_loss(bold: float) -> None:
    drawn = np.random.default_rng(1)
    z = drawn.normal(0, 1.5, (2000, 4))
    labels = np.array([drawn.choice(4, p=row) for row in softmax(z, axis=1)])
    said = softmax(bold * z, axis=1)

    def loss(t: float) -> float:
        return -float(np.log(temperature_scaled(said, t)[np.arange(2000), labels]).mean())

    found = fit_temperature(labels, said)
    assert found == pytest.approx(minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x, rel=1e-3)
    assert found == pytest.approx(bold, rel=0.1)  # what made them bold is undone
    np.testing.assert_array_equal(temperature_scaled(said, found).argmax(axis=1), said.argmax(axis=1))
    np.testing.assert_allclose(temperature_scaled(said, found).sum(axis=1), 1)


def test_no_temperature_of_classes_that_are_separated_or_of_chance() -> None:
    labels = np.arange(30) % 3
    assert np.isnan(fit_temperature(labels, softmax(3 * np.eye(3)[labels], axis=1)))
    assert np.isnan(fit_temperature(labels, np.full((30, 3), 1 / 3)))


def test_probabilities_that_underflow_count_as_a_trillionth_in_fit_and_map() -> None:
    drawn = np.random.default_rng(2)
    z = drawn.normal(0, 60, (400, 3))
    said = softmax(z, axis=1).astype(np.float32)  # float32 has no more than 1e-45: some are 0
    assert (said == 0).any()
    labels = np.where(drawn.random(400) < 0.3, drawn.integers(0, 3, 400), said.argmax(axis=1))
    found = fit_temperature(labels, said)
    losses = [
        -np.log(temperature_scaled(said, t)[np.arange(400), labels]).mean() for t in (0.95 * found, found, 1.05 * found)
    ]
    assert np.isfinite(losses).all()
    assert losses[1] == min(losses)  # the map that is applied is the one that was fitted
    np.testing.assert_allclose(temperature_scaled([[0.0, 1e-12, 1.0]], 2)[0, :2], 1e-6, rtol=1e-5)


def test_records_are_applied_to_their_classes_alone() -> None:
    said = P.reshape(100, 2)
    record = {"method": "platt", "classes": {"B": {"intercept": 0.3, "slope": 0.7}, "A": {"reason": "too few"}}}
    made = apply_recalibration(said, record, ("A", "B"), "multilabel")
    np.testing.assert_array_equal(made[:, 0], said[:, 0])
    np.testing.assert_array_equal(made[:, 1], platt_scaled(said[:, 1], 0.3, 0.7))
    two = np.stack([1 - P, P], axis=1)
    of_second = {"method": "platt", "classes": {"B": {"intercept": 0.3, "slope": 0.7}}}
    made = apply_recalibration(two, of_second, ("A", "B"), "multiclass")
    np.testing.assert_array_equal(made[:, 1], platt_scaled(P, 0.3, 0.7))
    np.testing.assert_array_equal(made.sum(axis=1), 1)
    np.testing.assert_array_equal(
        apply_recalibration(two, {"method": "temperature", "reason": "x"}, "AB", "multiclass"), two
    )


@pytest.mark.parametrize(
    "record", [{"method": "platt", "classes": {"C": {"intercept": 0, "slope": 1}}}, {"method": "isotonic"}, {}]
)
def test_a_record_of_another_classifier_is_refused(record: dict) -> None:
    with pytest.raises(ValueError, match="another classifier"):
        apply_recalibration(np.full((2, 2), 0.5), record, ("A", "B"), "multilabel")
