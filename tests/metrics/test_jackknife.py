from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from monai_mocoi.metrics import jackknife_interval


def test_equals_the_formula_on_fishers_scale():
    generator = np.random.default_rng(0)
    left_out = generator.uniform(0.5, 0.6, (7, 2, 3))
    value = left_out.mean(axis=0)
    found = jackknife_interval(value, left_out, 0.9)
    for place in np.ndindex(2, 3):
        z = [np.arctanh(v) for v in left_out[(slice(None), *place)]]
        error = np.sqrt(6 / 7 * sum((one - np.mean(z)) ** 2 for one in z))
        reach = t.ppf(0.95, 6) * error
        middle = np.arctanh(value[place])
        np.testing.assert_allclose(found[(slice(None), *place)], np.tanh([middle - reach, middle + reach]))


def test_of_a_mean_it_is_the_usual_standard_error():
    values = np.random.default_rng(0).uniform(-0.01, 0.01, 20)  # where Fisher's scale is straight
    left_out = (values.sum() - values) / 19
    reach = t.ppf(0.975, 19) * values.std(ddof=1) / np.sqrt(20)
    mean = values.mean()
    np.testing.assert_allclose(jackknife_interval(mean, left_out), [mean - reach, mean + reach], rtol=1e-3)


def test_never_beyond_1_and_no_width_where_all_are_equal():
    generator = np.random.default_rng(0)
    low, high = jackknife_interval(0.99, generator.uniform(0.9, 0.9999, 5))
    assert low < 0.99 < high < 1
    low, high = jackknife_interval(1 - 1e-9, 1 - generator.uniform(0, 1e-7, 50))
    assert 1 - 1e-5 < low <= high <= 1
    assert jackknife_interval(1.0, np.ones(5)).tolist() == [1, 1]
    assert jackknife_interval(np.array([1.0, 0.5]), np.stack([np.ones(5), np.full(5, 0.5)], 1)).shape == (2, 2)


def test_what_has_no_interval_is_refused():
    with pytest.raises(ValueError, match="two or more"):
        jackknife_interval(0.5, [0.5])
    with pytest.raises(ValueError, match="undefined without one of the patients"):
        jackknife_interval(0.5, [0.5, np.nan])
    with pytest.raises(ValueError, match="level is 95"):
        jackknife_interval(0.5, [0.5, 0.5], 95)
