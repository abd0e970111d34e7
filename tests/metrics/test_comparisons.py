from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from monai_mocoi.metrics import holm, interval_of_difference


def naive_holm(p_values):
    """Of each p-value: the largest, over those not larger, of the p-value times how many are not smaller."""
    adjusted = []
    for own in p_values:
        smaller_or_equal = [p for p in p_values if p <= own]
        adjusted.append(min(1.0, max(p * sum(other >= p for other in p_values) for p in smaller_or_equal)))
    return np.array(adjusted)


def rejected(p_values, level):
    """Holm's own steps: go up the sorted p-values, and stop at the first above its share of the level."""
    claims = np.zeros(len(p_values), dtype=bool)
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[place] > level / (len(p_values) - step):
            break
        claims[place] = True
    return claims


def test_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_none_and_one():
    assert holm([]).shape == (0,)
    np.testing.assert_array_equal(holm([0.3]), [0.3])


@pytest.mark.parametrize("count", [2, 3, 14, 50])
def test_against_a_naive_implementation(count):
    generator = np.random.default_rng(count)
    for _ in range(20):
        p = generator.random(count) ** 4
        np.testing.assert_allclose(holm(p), naive_holm(p), rtol=1e-12)
        for level in (0.01, 0.05, 0.3):
            np.testing.assert_array_equal(holm(p) <= level, rejected(p, level))


def test_ties_get_one_value():
    np.testing.assert_allclose(holm([0.02, 0.02, 0.5]), [0.06, 0.06, 0.5])


def test_false_claims_are_as_rare_as_stated():
    generator = np.random.default_rng(0)
    nulls = generator.random((4000, 10))
    any_false = np.mean([(holm(p) <= 0.05).any() for p in nulls])
    assert 0.035 < any_false <= 0.06
    assert np.mean((nulls <= 0.05).any(axis=1)) > 0.35  # without correction


@pytest.mark.parametrize("bad", [[0.1, np.nan], [-0.01], [1.01], [[0.1]], 0.1])
def test_no_p_values(bad):
    with pytest.raises(ValueError, match="p_values"):
        holm(bad)


def test_of_normal_intervals_it_is_the_usual_one() -> None:
    z, errors = norm.ppf(0.975), (0.03, 0.04)
    first, second = ((value - z * error, value + z * error) for value, error in zip((0.8, 0.7), errors, strict=True))
    low, high = interval_of_difference(0.8, first, 0.7, second)
    assert (low, high) == pytest.approx((0.1 - z * 0.05, 0.1 + z * 0.05))
    assert interval_of_difference(0.7, second, 0.8, first) == pytest.approx((-high, -low))


def test_an_estimate_outside_of_its_interval_adds_nothing_on_that_side() -> None:
    # 0.10 lies below 0.12 to 0.16: on its low side nothing is known to be less.
    assert interval_of_difference(0.10, (0.12, 0.16), 0.05, (0.02, 0.09)) == pytest.approx(
        (0.05 - 0.04, 0.05 + np.hypot(0.06, 0.03))
    )
    assert interval_of_difference(0.05, (0.02, 0.09), 0.10, (0.12, 0.16)) == pytest.approx(
        (-0.05 - np.hypot(0.03, 0.06), -0.05 + 0.04)
    )
    # Above its interval, on either side of the difference.
    low, high = interval_of_difference(0.9, (0.7, 0.8), 0.5, (0.5, 0.5))
    assert (low, high) == pytest.approx((0.4 - 0.2, 0.4))


def test_it_is_newcombes_for_proportions_and_covers() -> None:
    # Newcombe 1998, Stat. Med. 17:873, method 10: 56/70 against 48/80 gives .0524 to .3339.
    def wilson(hits: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        z = norm.ppf(0.975)
        middle, spread = hits + z**2 / 2, z * np.sqrt(hits * (n - hits) / n + z**2 / 4)
        return (middle - spread) / (n + z**2), (middle + spread) / (n + z**2)

    low, high = interval_of_difference(56 / 70, wilson(np.array(56), 70), 48 / 80, wilson(np.array(48), 80))
    assert (round(float(low), 4), round(float(high), 4)) == (0.0524, 0.3339)
    random = np.random.default_rng(0)
    first, second = random.binomial(90, 0.9, 2000), random.binomial(60, 0.8, 2000)
    covered = []
    for a, b in zip(first, second, strict=True):
        low, high = interval_of_difference(a / 90, wilson(a, 90), b / 60, wilson(b, 60))
        covered.append(low <= 0.1 <= high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)
