from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.metrics import expected_calibration_error, top_label


def naive(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, bins: int) -> float:
    error = 0.0
    for b in range(bins):
        inside = (probabilities >= b / bins) & ((probabilities < (b + 1) / bins) | (b == bins - 1))
        own = weights[inside]
        if own.sum():
            gap = np.average(probabilities[inside], weights=own) - np.average(labels[inside], weights=own)
            error += own.sum() / weights.sum() * abs(gap)
    return error


@pytest.mark.parametrize("bins", [1, 2, 10, 15])
@pytest.mark.parametrize("n", [1, 2, 14, 15, 16, 200])
def test_equals_a_loop_over_the_bins(n: int, bins: int) -> None:
    generator = np.random.default_rng([n, bins])
    # On the borders of bins too, and at 0 and 1.
    probabilities = np.where(
        generator.random((n, 3)) < 0.4, generator.integers(0, 16, (n, 3)) / 15, generator.random((n, 3))
    )
    labels = generator.integers(0, 2, (n, 3))
    for weights in (np.ones(n), generator.integers(0, 3, n) + 1.0, generator.random(n)):
        expected = [naive(labels[:, i], probabilities[:, i], weights, bins) for i in range(3)]
        got = expected_calibration_error(labels, probabilities, weights, bins)
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-15)
        one = expected_calibration_error(labels[:, 1], probabilities[:, 1], weights, bins)
        assert one.shape == ()
        assert float(one) == pytest.approx(got[1], rel=1e-12)


def test_closed_forms() -> None:
    assert expected_calibration_error([0, 1, 1], [0, 1, 1]) == 0
    assert expected_calibration_error([1, 0, 0], [0, 1, 1]) == 1
    # 1 shares the last bin with 0.95: their errors cancel there but for a twentieth.
    assert float(expected_calibration_error([1, 1], [1, 0.95])) == pytest.approx(0.025)
    assert float(expected_calibration_error([1, 0], [0.5, 0.5])) == 0
    # Two bins: (0.3 + 0.1)/2 against 1/2, and 0.8 against 0.
    assert float(expected_calibration_error([1, 0, 0], [0.3, 0.1, 0.8], bins=2)) == pytest.approx((0.6 + 0.8) / 3)
    assert np.isnan(expected_calibration_error([1, 0], [0.5, 0.5], [0, 0]))


def test_softmax_is_the_confidence_in_the_top_class() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2], [0.2, 0.5, 0.3]])
    right, confidence = top_label([0, 1, 1, 1], probabilities)
    assert right.tolist() == [True, False, False, True]
    assert confidence.tolist() == [0.7, 0.8, 0.4, 0.5]
    expected = naive(right, confidence, np.ones(4), 15)
    assert float(expected_calibration_error(right, confidence)) == pytest.approx(expected)
    with pytest.raises(ValueError, match="expected"):
        top_label([0, 1], probabilities)
    with pytest.raises(ValueError, match="class numbers hold 3"):
        top_label([0, 1, 3, 1], probabilities)


def test_refuses_what_is_no_probability() -> None:
    for bad in (-0.01, 1.01):
        with pytest.raises(ValueError, match=f"a probability is {bad}"):
            expected_calibration_error([0, 1], [0.5, bad])
    with pytest.raises(ValueError, match="probabilities hold nan in row 1"):
        expected_calibration_error([0, 1], [0.5, np.nan])
    with pytest.raises(ValueError, match="bins is 0"):
        expected_calibration_error([0, 1], [0.5, 0.5], bins=0)
