"""The mean over draws and patients: against the analysis of variance, and how often its interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.metrics import CrossedMean, crossed_mean


def of_means(table: np.ndarray) -> CrossedMean:
    """Of a table (draws, patients) whose statistic is the mean."""
    patients = table.shape[1]
    return crossed_mean(table.mean(axis=1), (table.sum(axis=1, keepdims=True) - table) / (patients - 1))


def drawn(rng: np.random.Generator, draws: int, patients: int, of_draw: float, of_patient: float, own: float):
    noise = own * rng.normal(size=(draws, patients))
    return of_draw * rng.normal(size=(draws, 1)) + of_patient * rng.normal(size=(1, patients)) + noise


def test_variance_is_that_of_the_two_way_analysis_of_variance() -> None:
    draws, patients = 4, 30
    table = drawn(np.random.default_rng(3), draws, patients, 2.0, 3.0, 1.0)
    rows, columns, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    of_draws = patients * ((rows - mean) ** 2).sum() / (draws - 1)
    of_patients = draws * ((columns - mean) ** 2).sum() / (patients - 1)
    rest = table - rows[:, None] - columns + mean
    interaction = (rest**2).sum() / ((draws - 1) * (patients - 1))
    found = of_means(table)
    assert found.value == pytest.approx(mean, rel=1e-12)
    expected = (of_draws + of_patients - interaction) / (draws * patients)
    assert found.standard_error**2 == pytest.approx(expected, rel=1e-10)


def test_one_draw_is_the_t_interval_over_patients() -> None:
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(0).normal(0.3, 1, size=25)
    found, test = of_means(values[None]), ttest_1samp(values, 0)
    assert found.interval() == pytest.approx(tuple(test.confidence_interval()), rel=1e-10)
    assert found.p_value() == pytest.approx(test.pvalue, rel=1e-9)


def test_never_narrower_than_over_the_patients_at_these_draws() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        table = drawn(rng, 3, 20, 0.0, 1.0, 1.0)
        assert of_means(table).standard_error >= of_means(table.mean(axis=0)[None]).standard_error * (1 - 1e-12)


def test_equal_draws_are_one_draw() -> None:
    values = np.random.default_rng(2).normal(size=40)
    one, three = of_means(values[None]), of_means(np.stack([values] * 3))
    assert three.standard_error == pytest.approx(one.standard_error, rel=1e-9)
    assert three.degrees == pytest.approx(39, rel=1e-6)


@pytest.mark.parametrize(
    ("draws", "of_draw", "of_patient", "least"),
    [(1, 0, 1, 0.93), (2, 0.1, 1, 0.93), (2, 1, 0.3, 0.85), (3, 0.3, 1, 0.92), (3, 1, 0.3, 0.92), (5, 1, 0.3, 0.92)],
)
def test_interval_holds_the_truth(draws: int, of_draw: float, of_patient: float, least: float) -> None:
    """As often as it says, 0.95 less the error of 1,000 trials; less where two draws differ more than patients."""
    rng, held, count = np.random.default_rng(draws), 0, 1000
    for _ in range(count):
        low, high = of_means(drawn(rng, draws, 40, of_draw, of_patient, 0.5)).interval()
        held += low < 0 < high
    assert least <= held / count <= 0.985


def test_a_bootstrap_of_two_draws_would_hold_the_truth_too_rarely() -> None:
    """Why the draws are not simply resampled with the patients."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        table = drawn(rng, 2, 40, 1, 0.3, 0.3)
        rows, columns = rng.integers(2, size=(200, 2)), rng.integers(40, size=(200, 40))
        means = table[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2))
        low, high = np.quantile(means, [0.025, 0.975])
        held += low < 0 < high
    assert held / 300 < 0.75


def test_nothing_varies() -> None:
    found = of_means(np.full((3, 10), 0.5))
    assert found.interval() == (0.5, 0.5)
    assert (found.p_value(0.5), found.p_value(0)) == (1.0, 1.0)
    assert not found.varies


@pytest.mark.parametrize("left_out", [np.zeros((2, 1)), np.zeros((3, 4)), np.zeros(4), np.full((2, 4), np.nan)])
def test_other_shapes_and_values_are_refused(left_out: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected|not finite"):
        crossed_mean(np.zeros(2), left_out)


def test_level_is_a_share() -> None:
    with pytest.raises(ValueError, match="level is 95"):
        CrossedMean(0, 1, 9, 1, 10).interval(95)
