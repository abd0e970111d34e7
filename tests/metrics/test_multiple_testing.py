import numpy as np
import pytest

from monai_mocoi.metrics import holm


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
