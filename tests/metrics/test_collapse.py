from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_mocoi.metrics import effective_rank, std_of_l2_normalized


def naive(features: np.ndarray) -> float:
    rows = [row / np.sqrt((row**2).sum()) for row in features]
    # Singular values as the roots of the eigenvalues of the smaller Gram matrix.
    matrix = np.array(rows) if len(rows) <= features.shape[1] else np.array(rows).T
    values = np.sqrt(np.clip(np.linalg.eigvalsh(matrix @ matrix.T), 0, None))
    shares = [value / values.sum() for value in values if value > 0]
    return float(np.exp(-sum(p * np.log(p) for p in shares)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (2, 6), (5, 6), (6, 6), (7, 6), (40, 6), (6, 40)])
def test_equals_numpy_for_fewer_and_more_images_than_features(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(0).standard_normal(shape) + 1
    rank = effective_rank(torch.from_numpy(features))
    assert rank.shape == ()
    assert float(rank) == pytest.approx(naive(features), rel=1e-6)
    assert 1 - 1e-9 <= float(rank) <= min(shape) + 1e-9


def test_closed_forms() -> None:
    assert float(effective_rank(torch.eye(5))) == pytest.approx(5)
    assert float(effective_rank(torch.eye(5, 9))) == pytest.approx(5)
    assert float(effective_rank(torch.ones(7, 3))) == pytest.approx(1, abs=1e-9)
    rank_one = torch.outer(torch.arange(1.0, 5.0), torch.tensor([1.0, 2.0, 0.0]))
    assert float(effective_rank(rank_one)) == pytest.approx(1, abs=1e-6)
    two_equal = torch.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [2.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    assert float(effective_rank(two_equal)) == pytest.approx(2)
    # Singular values sqrt(3) and 1.
    shares = np.array([np.sqrt(3), 1]) / (np.sqrt(3) + 1)
    three_to_one = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert float(effective_rank(three_to_one)) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 1e30])
def test_knows_no_scale(scale: float) -> None:
    features = torch.rand(12, 8, generator=torch.Generator().manual_seed(0))
    expected = float(effective_rank(features))
    assert float(effective_rank(features * scale)) == pytest.approx(expected, rel=1e-5)
    assert float(effective_rank(features * torch.linspace(0.1, 9, 12)[:, None])) == pytest.approx(expected, rel=1e-5)


def test_noise_on_a_constant_is_not_taken_for_features() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(64, 200, generator=generator) - 0.5
    ranks = [float(effective_rank(1 + amount * noise)) for amount in (0, 1e-6, 1e-3, 0.1)]
    assert ranks[0] == pytest.approx(1, abs=1e-9)
    assert 1 < ranks[1] < 1.0001 < ranks[2] < 1.1 < ranks[3] < 4
    assert float(effective_rank(noise)) > 50


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_any_floating_type_is_computed_in_float64(dtype: torch.dtype) -> None:
    features = (torch.rand(10, 6, generator=torch.Generator().manual_seed(0)) * 300).to(dtype)
    rank = effective_rank(features)
    assert rank.dtype == torch.float64
    assert float(rank) == float(effective_rank(features.double()))


def test_nothing_zeros_and_what_is_not_finite() -> None:
    assert float(effective_rank(torch.zeros(4, 3))) == 0
    assert float(effective_rank(torch.zeros(0, 3))) == 0
    one_dead = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    assert float(effective_rank(one_dead)) == pytest.approx(2)
    for bad in (torch.nan, torch.inf):
        features = torch.eye(3)
        features[1, 1] = bad
        assert torch.isnan(effective_rank(features))


def test_equals_numpy_and_knows_no_scale() -> None:
    features = np.random.default_rng(0).standard_normal((9, 5))
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = np.sqrt(5) * rows.std(axis=0).mean()
    assert float(std_of_l2_normalized(torch.from_numpy(features))) == pytest.approx(expected)
    assert float(std_of_l2_normalized(torch.from_numpy(features * 1e-3))) == pytest.approx(expected)


def test_closed_forms_of_the_standard_deviation() -> None:
    assert float(std_of_l2_normalized(torch.ones(4, 8))) == pytest.approx(0, abs=1e-6)
    uniform = torch.randn(20_000, 64, generator=torch.Generator().manual_seed(0))
    assert float(std_of_l2_normalized(uniform)) == pytest.approx(1, abs=0.01)
