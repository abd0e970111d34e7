from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_mocoi.losses import BarlowTwinsLoss
from tests.support.naive_losses import naive_standardised


def naive(query: np.ndarray, key: np.ndarray, off_weight: float, divisor: float) -> float:
    a, b = naive_standardised(query), naive_standardised(key)
    count, dimension = a.shape
    total = 0.0
    for i in range(dimension):
        for j in range(dimension):
            c = sum(a[n, i] * b[n, j] for n in range(count)) / count
            total += (c - 1) ** 2 if i == j else off_weight * c**2
    return total / divisor


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (8, 5), (15, 16), (17, 3)])
@pytest.mark.parametrize(("off_weight", "divisor"), [(5e-3, None), (1.0, 32)])
def test_equals_the_naive_double_sum(shape: tuple[int, int], off_weight: float, divisor: float | None) -> None:
    random = np.random.default_rng(shape[0])
    query, key = random.random(shape), random.random(shape)
    loss = BarlowTwinsLoss(off_weight, divisor)(torch.from_numpy(query), torch.from_numpy(key))
    assert float(loss) == pytest.approx(naive(query, key, off_weight, divisor or shape[1]), rel=1e-9, abs=1e-12)


def test_closed_form_at_its_optimum_and_without_information() -> None:
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)  # uncorrelated columns
    assert float(BarlowTwinsLoss()(signs, signs)) == pytest.approx(0, abs=1e-8)
    # Constant features standardise to 0: every diagonal entry misses its 1.
    assert float(BarlowTwinsLoss()(torch.ones(4, 3), torch.ones(4, 3))) == pytest.approx(1, abs=1e-5)
    # Opposite views: the diagonal is -1, so each entry adds 4.
    assert float(BarlowTwinsLoss()(signs, -signs)) == pytest.approx(4, rel=1e-4)


def test_a11_the_paper_weighs_off_diagonal_noise_above_invariance() -> None:
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(16, 512, generator=generator, dtype=torch.float64)
    key = query + 0.1 * torch.randn(16, 512, generator=generator, dtype=torch.float64)
    on = float(BarlowTwinsLoss(0.0, 1)(query, key))
    off = float(BarlowTwinsLoss(1.0, 1)(query, key)) - on
    assert off > 60 * on  # as published: the term is all noise of a small batch
    balanced = float(BarlowTwinsLoss(5e-3, 1)(query, key)) - on
    assert balanced == pytest.approx(5e-3 * off)


def test_gradients_reach_both_views() -> None:
    query = torch.rand(8, 4, requires_grad=True)
    key = torch.rand(8, 4, requires_grad=True)
    BarlowTwinsLoss()(query, key).backward()
    for view in (query, key):
        assert view.grad is not None
        assert float(view.grad.abs().sum()) > 0


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="divisor is 0"):
        BarlowTwinsLoss(divisor=0)
    with pytest.raises(ValueError, match=r"\(2, 3, 1, 1\)"):
        BarlowTwinsLoss()(torch.zeros(2, 3, 1, 1), torch.zeros(2, 3, 1, 1))
