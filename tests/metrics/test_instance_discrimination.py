from __future__ import annotations

import math

import pytest
import torch

from monai_mocoi.metrics import normalized_info_nce, top_k_accuracy


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
