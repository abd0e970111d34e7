from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from monai_mocoi.metrics import fit_shrunk_gaussian, mahalanobis_distance, references_needed, unusual_percentile
from monai_mocoi.metrics.mahalanobis import ShrunkGaussian


def drawn(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Rows of a distribution whose directions differ in variance, with a mean far from 0."""
    random = np.random.default_rng(seed)
    return random.standard_normal((n, d)) @ (random.standard_normal((d, d)) * np.linspace(2, 0.1, d)) + 7


def covariance(gaussian: ShrunkGaussian) -> np.ndarray:
    components, d = gaussian.components, len(gaussian.mean)
    rest = gaussian.remainder * (np.eye(d) - components.T @ components)
    return components.T @ np.diag(gaussian.variances) @ components + rest


@pytest.mark.parametrize(("n", "d"), [(3, 5), (4, 5), (5, 5), (6, 5), (40, 5), (12, 30), (30, 1)])
def test_without_a_cap_it_is_scikit_learns(n: int, d: int) -> None:
    rows, new = drawn(n, d), drawn(9, d, seed=1)
    gaussian, theirs = fit_shrunk_gaussian(rows), LedoitWolf().fit(rows)
    assert gaussian.shrinkage == pytest.approx(theirs.shrinkage_, abs=1e-12)
    np.testing.assert_allclose(gaussian.mean, rows.mean(0))
    np.testing.assert_allclose(covariance(gaussian), theirs.covariance_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(mahalanobis_distance(new, gaussian) ** 2, theirs.mahalanobis(new), rtol=1e-7)


def test_a_cap_keeps_the_largest_directions_and_averages_the_others() -> None:
    rows = drawn(200, 12)
    whole, capped = fit_shrunk_gaussian(rows), fit_shrunk_gaussian(rows, rank=4)
    assert capped.components.shape == (4, 12)
    np.testing.assert_allclose(capped.variances, whole.variances[:4], rtol=1e-9)
    assert capped.remainder == pytest.approx(whole.variances[4:].mean(), rel=1e-9)
    assert np.trace(covariance(capped)) == pytest.approx(np.trace(covariance(whole)), rel=1e-9)
    distances = mahalanobis_distance(drawn(9, 12, seed=1), capped)
    centred = drawn(9, 12, seed=1) - rows.mean(0)
    wanted = [float(row @ np.linalg.inv(covariance(capped)) @ row) for row in centred]
    np.testing.assert_allclose(distances**2, wanted, rtol=1e-7)


def test_channels_that_never_move_count_when_they_do() -> None:
    rows = drawn(50, 6)
    rows[:, 3] = 0
    gaussian = fit_shrunk_gaussian(rows)
    new = rows[:1].copy()
    usual = mahalanobis_distance(new, gaussian)
    new[0, 3] = 5
    assert mahalanobis_distance(new, gaussian) > 3 * usual
    with pytest.raises(ValueError, match="all rows"):
        fit_shrunk_gaussian(np.full((4, 3), 2.5))
    with pytest.raises(ValueError, match="2 or more rows, but there are 1"):
        fit_shrunk_gaussian(rows[:1])


def test_it_is_the_naive_count_ties_in_favour_of_the_image() -> None:
    random = np.random.default_rng(0)
    reference, scores = random.integers(0, 9, 30) / 3, np.arange(-1, 11) / 3
    naive = [100 * (1 - (1 + sum(r >= s for r in reference)) / 31) for s in scores]
    np.testing.assert_allclose(unusual_percentile(scores, reference), naive, atol=1e-12)
    assert unusual_percentile(np.array([99.0]), np.arange(3.0)) == pytest.approx(75)
    assert unusual_percentile(np.array([-1.0]), np.arange(3.0)) == 0


@pytest.mark.parametrize("count", [99, 120, 400])
def test_images_of_the_kind_reach_the_limit_no_more_often_than_stated(count: int) -> None:
    random = np.random.default_rng(count)
    alarms = [
        float((unusual_percentile(random.gamma(2, size=50), random.gamma(2, size=count)) >= 99).mean())
        for _ in range(2000)
    ]
    exact = (1 + count - np.ceil(0.99 * (count + 1))) / (count + 1)  # of the ranks that reach it
    assert np.mean(alarms) == pytest.approx(exact, abs=0.001)
    assert exact <= 0.01


@pytest.mark.parametrize(("limit", "needed"), [(99, 99), (95, 19), (90, 9), (99.9, 999), (50, 1), (1, 1), (100, 0)])
def test_how_many_references_a_limit_takes(limit: float, needed: int) -> None:
    assert references_needed(limit) == needed
    if needed:
        assert unusual_percentile(np.array([9.0]), np.zeros(needed))[0] >= limit - 1e-9
    if needed > 1:
        assert unusual_percentile(np.array([9.0]), np.zeros(needed - 1))[0] < limit
