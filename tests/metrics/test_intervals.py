from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from monai_mocoi.metrics import bca_interval, bias_and_acceleration, bootstrap_p_value, percentile_interval

NORMAL = NormalDist()


def sample(kind: str = "exponential", n: int = 40, resamples: int = 1999) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean of a sample, its bootstrap and its jackknife."""
    generator = np.random.default_rng(3)
    x = getattr(generator, kind)(size=n)
    return x.mean(), generator.choice(x, (resamples, n)).mean(axis=1), (x.sum() - x) / (n - 1)


def quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share, method="weibull"))


@pytest.mark.parametrize("resamples", [39, 40, 1999, 2000])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_percentile_equals_numpys_quantiles(resamples: int, level: float) -> None:
    values = np.random.default_rng(0).standard_normal((resamples, 3))
    tail = (1 - level) / 2
    expected = np.quantile(values, [tail, 1 - tail], axis=0, method="weibull")
    np.testing.assert_allclose(percentile_interval(values, level), expected, rtol=1e-12)
    np.testing.assert_allclose(percentile_interval(values[:, 0], level), expected[:, 0], rtol=1e-12)


def test_percentile_is_a_rank_where_it_is_whole() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1.0, 40))
    assert percentile_interval(values).tolist() == pytest.approx([1, 39])
    assert percentile_interval(values, 0.9).tolist() == pytest.approx([2, 38])


@pytest.mark.parametrize("kind", ["exponential", "standard_normal"])
def test_bca_equals_the_formula_and_scipy(kind: str) -> None:
    estimate, values, left_out = sample(kind)
    bias = NORMAL.inv_cdf(((values < estimate).sum() + (values == estimate).sum() / 2) / len(values))
    d = left_out.mean() - left_out
    acceleration = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
    assert [float(v) for v in bias_and_acceleration(estimate, values, left_out)] == pytest.approx([bias, acceleration])
    expected = []
    for z in (NORMAL.inv_cdf(0.025), NORMAL.inv_cdf(0.975)):
        expected.append(quantile(values, NORMAL.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))))
    got = bca_interval(estimate, values, left_out)
    np.testing.assert_allclose(got, expected, rtol=1e-9)

    x = left_out.sum() - (len(left_out) - 1) * left_out  # the sample that was left out one by one
    done = stats.bootstrap((x,), np.mean, n_resamples=9999, method="BCa", random_state=np.random.default_rng(0))
    ours = bca_interval(estimate, done.bootstrap_distribution, left_out)
    # scipy's quantiles lie at most one rank away.
    np.testing.assert_allclose(ours, done.confidence_interval, atol=2e-3)


def test_bca_without_bias_and_skew_is_the_percentile_interval() -> None:
    values = np.arange(-100.0, 101)[:, None] * [1, 2]
    left_out = np.array([-1.0, 0, 1])[:, None] * [1, 2]
    np.testing.assert_allclose(bca_interval(np.zeros(2), values, left_out), percentile_interval(values), rtol=1e-12)


def test_bca_of_values_that_are_all_alike() -> None:
    assert bca_interval(0.1, np.full(99, 0.1), np.full(7, 0.1)).tolist() == [0.1, 0.1]
    assert [float(v) for v in bias_and_acceleration(0.1, np.full(99, 0.1), np.full(7, 0.1))] == [0, 0]
    # An estimate outside all resamples has a bias of half a resample, not of infinity.
    bias, _ = bias_and_acceleration(2.0, np.arange(100) / 100, np.arange(5.0))
    assert float(bias) == pytest.approx(NORMAL.inv_cdf(1 - 0.005))
    limits = bca_interval(2.0, np.arange(100) / 100, np.arange(5.0))
    assert 0.9 < limits[0] <= limits[1] == 0.99


def test_columns_are_apart() -> None:
    first, second = sample("exponential"), sample("standard_normal")
    both = [np.stack(pair, axis=-1) for pair in zip(first, second, strict=True)]
    together = bca_interval(*both)
    np.testing.assert_allclose(together[:, 0], bca_interval(*first), rtol=1e-12)
    np.testing.assert_allclose(together[:, 1], bca_interval(*second), rtol=1e-12)
    p = bootstrap_p_value(both[1], 0.3, *bias_and_acceleration(*both))
    assert p[0] == pytest.approx(bootstrap_p_value(first[1], 0.3, *bias_and_acceleration(*first)))


def test_p_value_closed_forms() -> None:
    assert bootstrap_p_value(np.full(1999, 0.2)) == pytest.approx(2 / 2000)
    assert bootstrap_p_value(np.full(1999, -0.2)) == pytest.approx(2 / 2000)
    assert bootstrap_p_value(np.zeros(50)) == 1
    values = np.r_[np.full(3, -1.0), np.zeros(2), np.full(94, 1.0)]
    # The five that are not above 0 keep the limit from being so up to their share.
    assert bootstrap_p_value(values) == pytest.approx(2 * 5 / 100)
    assert bootstrap_p_value(values + 5, null=5) == pytest.approx(2 * 5 / 100)
    assert bootstrap_p_value(-values) == pytest.approx(2 * 5 / 100)
    # A quarter of the way from the fifth value to the sixth.
    assert bootstrap_p_value(values, null=0.25) == pytest.approx(2 * 5.25 / 100)
    assert bootstrap_p_value(np.arange(-50.0, 51)) == 1


@pytest.mark.parametrize("shift", [-0.6, -0.2, 0.05, 0.3, 0.5])
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_p_value_is_where_the_interval_begins_to_exclude_the_null(shift: float, method: str) -> None:
    estimate, values, left_out = sample()
    null = estimate + shift
    inside = [float(v) for v in bias_and_acceleration(estimate, values, left_out)] if method == "bca" else [0.0, 0.0]
    p = float(bootstrap_p_value(values, null, *inside))
    assert 2 / 2000 <= p <= 1

    def excluded(alpha: float) -> bool:
        if method == "bca":
            low, high = bca_interval(estimate, values, left_out, 1 - alpha)
        else:
            low, high = percentile_interval(values, 1 - alpha)
        return bool(low > null or high < null)

    assert excluded(p * (1 + 1e-6))
    if p > 2 / 2000:  # at a smaller alpha there is no interval of so few resamples
        assert not excluded(p * (1 - 1e-6))


def test_p_value_is_never_zero_even_where_bca_corrects_much() -> None:
    values = np.random.default_rng(0).standard_normal((1999, 4)) + 3
    p = bootstrap_p_value(values, 0, [0, 1, -1, 0], [0.3, -0.5, 0.5, -0.3])
    assert np.isfinite(p).all()
    assert (p >= 2 / 2000).all()
    assert (p <= 1).all()


def test_refuses_what_tells_nothing() -> None:
    with pytest.raises(ValueError, match=r"at least 39 .* got 38"):
        percentile_interval(np.zeros(38))
    with pytest.raises(ValueError, match="at least 199"):
        bca_interval(0, np.zeros(50), np.zeros(3), 0.99)
    for level in (0, 1, 95):
        with pytest.raises(ValueError, match=f"level is {level}"):
            percentile_interval(np.zeros(99), level)
    for function in (percentile_interval, bootstrap_p_value):
        with pytest.raises(ValueError, match="not finite"):
            function(np.r_[np.zeros(99), np.nan])
    with pytest.raises(ValueError, match="one patient"):
        bca_interval(0, np.zeros(99), [0, np.nan])
