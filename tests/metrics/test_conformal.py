from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.metrics import references_needed, unusual_percentile


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
