from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from monai_mocoi.metrics import effective_rank, normalized_info_nce, std_of_l2_normalized, top_k_accuracy


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


@pytest.mark.parametrize("count", [1, 4, 5, 6, 17])
@pytest.mark.parametrize("k", [1, 5])
def test_accuracy_equals_sorting(count: int, k: int) -> None:
    generator = torch.Generator().manual_seed(count)
    positive = torch.rand(count, generator=generator)
    negative = torch.rand(count, 9, generator=generator)
    mask = torch.rand(count, 9, generator=generator) < 0.7
    hits, told = 0, 0
    for i in range(count):
        others = sorted((float(v) for v, m in zip(negative[i], mask[i], strict=True) if m), reverse=True)
        if others:
            told += 1
            hits += len(others) < k or float(positive[i]) > others[k - 1]
    assert float(top_k_accuracy(positive, negative, mask, k)) == pytest.approx(hits / told)


def test_an_encoder_that_ignores_its_input_scores_nothing() -> None:
    assert float(top_k_accuracy(torch.ones(4), torch.ones(4, 8))) == 0


def test_nothing_is_told_without_negatives() -> None:
    nothing = torch.zeros(3, 5, dtype=torch.bool)
    assert math.isnan(float(top_k_accuracy(torch.rand(3), torch.rand(3, 5), nothing)))
    assert math.isnan(float(normalized_info_nce(torch.zeros(3), torch.rand(3, 5), nothing)))
    assert math.isnan(float(top_k_accuracy(torch.rand(3), torch.rand(3, 0))))


def test_relative_loss_is_one_for_guessing() -> None:
    mask = torch.tensor([[True, True, True], [True, False, False], [False, False, False]])
    guessing = torch.tensor([math.log(4), math.log(2), 0.0], dtype=torch.float64)
    assert float(normalized_info_nce(guessing, torch.zeros(3, 3), mask)) == pytest.approx(1)


def test_what_is_no_number_is_never_found() -> None:
    nan = torch.full((2,), float("nan"))
    mask = torch.ones(2, 3, dtype=torch.bool)
    assert top_k_accuracy(nan, torch.zeros(2, 3), mask) == 0
    assert top_k_accuracy(torch.ones(2), nan[:, None].expand(2, 3), mask) == 0
