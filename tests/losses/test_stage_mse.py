from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_mocoi.losses import StageMSELoss
from tests.support.naive_losses import naive_standardised


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 1, 1, 1), (7, 5, 3, 2), (8, 16), (9, 1)])
@pytest.mark.parametrize("normalize", [False, True])
def test_equals_numpy(shape: tuple[int, ...], normalize: bool) -> None:
    random = np.random.default_rng(len(shape) + shape[0])
    query, key = random.random(shape) * 3, random.random(shape) + 1
    a, b = (naive_standardised(query), naive_standardised(key)) if normalize else (query, key)
    loss = StageMSELoss(normalize)(torch.from_numpy(query), torch.from_numpy(key))
    assert float(loss) == pytest.approx(((a - b) ** 2).mean(), rel=1e-10, abs=1e-12)


def test_closed_forms() -> None:
    maps = torch.rand(4, 3, 5, 5, dtype=torch.float64)
    assert float(StageMSELoss()(maps, maps + 2)) == pytest.approx(4)
    assert float(StageMSELoss(normalize=True)(maps, 3 * maps + 2)) < 1e-6  # neither scale nor offset matters
    assert float(StageMSELoss(normalize=True)(maps, -maps)) == pytest.approx(4, rel=1e-3)
    unrelated = torch.rand(400, 3, 5, 5, dtype=torch.float64), torch.rand(400, 3, 5, 5, dtype=torch.float64)
    assert float(StageMSELoss(normalize=True)(*unrelated)) == pytest.approx(2, rel=0.05)


def test_a12_shrinking_the_features_lowers_the_raw_loss_only() -> None:
    query, key = torch.rand(8, 4, 3, 3, dtype=torch.float64), torch.rand(8, 4, 3, 3, dtype=torch.float64)
    assert StageMSELoss()(query / 2, key / 2) < 0.3 * StageMSELoss()(query, key)
    normalised = StageMSELoss(normalize=True)
    assert float(normalised(query / 2, key / 2)) == pytest.approx(float(normalised(query, key)), rel=1e-3)


def test_standardised_gradient_equals_batch_norm() -> None:
    query = torch.rand(6, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    key = torch.rand(6, 4, 3, 3, dtype=torch.float64)
    ours = torch.autograd.grad(StageMSELoss(normalize=True)(query, key), query)[0]

    def norm(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.batch_norm(x, None, None, training=True)

    theirs = torch.autograd.grad(torch.nn.functional.mse_loss(norm(query), norm(key)), query)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_has_the_order_in_memory_of_the_maps(layout: torch.memory_format) -> None:
    query, key = (torch.rand(6, 4, 3, 3).to(memory_format=layout).requires_grad_() for _ in range(2))
    for normalize in (False, True):
        for gradient in torch.autograd.grad(StageMSELoss(normalize)(query, key), (query, key)):
            assert gradient.stride() == query.stride()


def test_both_gradients_equal_finite_differences() -> None:
    query, key = (torch.rand(5, 3, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(StageMSELoss(normalize=True), (query, key))


@pytest.mark.parametrize("normalize", [False, True])
def test_half_precision_is_computed_in_single(normalize: bool) -> None:
    query, key = (torch.rand(40, 96, 16, 16).bfloat16().requires_grad_() for _ in range(2))  # more than one block
    loss = StageMSELoss(normalize)(query, key)
    single = [view.detach().float().requires_grad_() for view in (query, key)]
    expected = StageMSELoss(normalize)(*single)
    assert float(loss) == float(expected)
    gradients = torch.autograd.grad(loss, (query, key))
    for gradient, own in zip(gradients, torch.autograd.grad(expected, single), strict=True):
        assert gradient.dtype == torch.bfloat16
        torch.testing.assert_close(gradient, own.bfloat16(), rtol=1e-2, atol=0)


def masked(shape: tuple[int, ...], share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(shape[0] + len(shape))
    mask = random.random((shape[0], *shape[2:])) < share
    mask.flat[0] = True
    return random.random(shape) * 3, random.random(shape) + 1, mask


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 1, 1, 1), (7, 5, 3, 2), (40, 96, 16, 16), (8, 16)])
@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("normalize", [False, True])
def test_with_a_mask_it_is_the_loss_of_the_values_that_count(
    shape: tuple[int, ...], share: float, normalize: bool
) -> None:
    query, key, mask = masked(shape, share)
    loss = StageMSELoss(normalize)(*map(torch.from_numpy, (query, key, mask)))
    own, other = (np.moveaxis(view, 1, -1)[mask] for view in (query, key))  # (values, channels)
    a, b = (naive_standardised(own), naive_standardised(other)) if normalize else (own, other)
    assert float(loss) == pytest.approx(((a - b) ** 2).mean(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_mask_of_everything_changes_nothing_and_one_of_nothing_gives_zero(normalize: bool) -> None:
    query, key = torch.rand(2, 6, 3, 4, 4, dtype=torch.float64)
    query.requires_grad_()
    loss = StageMSELoss(normalize)
    everything = torch.ones(6, 4, 4, dtype=torch.bool)
    torch.testing.assert_close(loss(query, key, everything), loss(query, key), rtol=1e-12, atol=0)
    nothing = loss(query, key, ~everything)
    assert float(nothing.detach()) == 0
    assert not torch.autograd.grad(nothing, query)[0].any()


@pytest.mark.parametrize("normalize", [False, True])
def test_gradients_with_a_mask_equal_finite_differences(normalize: bool) -> None:
    query, key = (torch.rand(4, 3, 2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    mask = torch.rand(4, 2, 3) < 0.6
    assert torch.autograd.gradcheck(lambda one, other: StageMSELoss(normalize)(one, other, mask), (query, key))
    gradient = torch.autograd.grad(StageMSELoss(normalize)(query, key, mask), query)[0]
    assert not gradient.movedim(1, -1)[~mask].any()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
        StageMSELoss()(torch.zeros(2, 3), torch.zeros(2, 4))
