from __future__ import annotations

import math

import pytest
import torch

from monai_mocoi.losses import InfoNCELoss


def naive(positive: torch.Tensor, negative: torch.Tensor, mask: torch.Tensor | None, temperature: float) -> list[float]:
    losses = []
    for i in range(len(positive)):
        top = math.exp(float(positive[i]) / temperature)
        below = top
        for j in range(negative.shape[1]):
            if mask is None or mask[i, j]:
                below += math.exp(float(negative[i, j]) / temperature)
        losses.append(-math.log(top / below))
    return losses


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9])
@pytest.mark.parametrize("negatives", [0, 1, 15, 16, 17])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_the_naive_sum(count: int, negatives: int, masked: bool) -> None:
    generator = torch.Generator().manual_seed(count * 100 + negatives)
    positive = torch.rand(count, generator=generator, dtype=torch.float64) * 2 - 1
    negative = torch.rand(count, negatives, generator=generator, dtype=torch.float64) * 2 - 1
    mask = torch.rand(count, negatives, generator=generator) < 0.5 if masked else None
    rows = InfoNCELoss(0.2, reduction="none")(positive, negative, mask)
    expected = torch.tensor(naive(positive, negative, mask, 0.2), dtype=torch.float64)
    torch.testing.assert_close(rows, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(InfoNCELoss(0.2)(positive, negative, mask), expected.mean(), rtol=1e-12, atol=1e-12)


def test_closed_form_when_nothing_is_told_apart() -> None:
    # All similarities equal: the loss is ln(1 + negatives).
    loss = InfoNCELoss(0.07)(torch.full((3,), 0.4), torch.full((3, 10), 0.4))
    assert float(loss) == pytest.approx(math.log(11), rel=1e-6)


def test_row_without_a_negative_has_loss_zero_and_no_gradient() -> None:
    positive = torch.tensor([0.3, 0.1], requires_grad=True)
    loss = InfoNCELoss()(positive, torch.rand(2, 4), torch.zeros(2, 4, dtype=torch.bool))
    loss.backward()
    assert float(loss) == 0
    assert positive.grad is not None
    assert float(positive.grad.abs().sum()) == 0


def test_masked_negative_receives_no_gradient() -> None:
    negative = torch.zeros(1, 3, requires_grad=True)
    InfoNCELoss()(torch.zeros(1), negative, torch.tensor([[True, False, True]])).backward()
    assert negative.grad is not None
    assert (negative.grad != 0).tolist() == [[True, False, True]]


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="temperature is 0"):
        InfoNCELoss(0)
    with pytest.raises(ValueError, match="'sum'"):
        InfoNCELoss(reduction="sum")
    with pytest.raises(ValueError, match=r"\(2,\) and \(3, 4\)"):
        InfoNCELoss()(torch.zeros(2), torch.zeros(3, 4))
    with pytest.raises(ValueError, match="mask has shape"):
        InfoNCELoss()(torch.zeros(3), torch.zeros(3, 4), torch.ones(3, 5, dtype=torch.bool))
