"""The difference over unpaired draws: against Welch's test, and against the paired t test of patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from monai_mocoi.metrics.crossed_difference import crossed_difference


def of_means(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return table.mean(axis=1), (table.sum(axis=1, keepdims=True) - table) / (table.shape[1] - 1)


def test_patients_that_do_not_vary_leave_the_test_of_welch() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 1, size=5), rng.normal(0, 2, size=7)
    found = crossed_difference(*(part for own in (first, second) for part in of_means(np.repeat(own[:, None], 9, 1))))
    expected = ttest_ind(first, second, equal_var=False)
    assert found.p_value() == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.interval() == pytest.approx(tuple(expected.confidence_interval()), rel=1e-9)


def test_one_draw_each_is_the_paired_test_over_patients() -> None:
    first, second = np.random.default_rng(1).normal(size=(2, 30)) + np.array([[0.4], [0]])
    found = crossed_difference(*of_means(first[None]), *of_means(second[None]))
    assert found.p_value() == pytest.approx(ttest_rel(first, second).pvalue, rel=1e-9)


def test_other_patients_are_refused() -> None:
    with pytest.raises(ValueError, match="same patients"):
        crossed_difference(np.zeros(2), np.zeros((2, 4)), np.zeros(2), np.zeros((2, 5)))
