"""Two processes of N / 2 samples give the losses and gradients of one process of N."""

from __future__ import annotations

import pytest
import torch

from monai_mocoi.losses import BarlowTwinsLoss, StageMSELoss, global_sum, standardize
from tests.support.processes import in_processes

LOSSES = {
    "mse": StageMSELoss(normalize=True),
    "mse_raw": StageMSELoss(),
    "barlow": BarlowTwinsLoss(),
    "mse_masked": StageMSELoss(normalize=True),
    "mse_raw_masked": StageMSELoss(),
}


def features(kind: str) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    shape = (8, 6) if kind == "barlow" else (8, 6, 2, 3)
    query = torch.randn(shape, generator=generator, dtype=torch.float64)
    key = query + 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind.endswith("masked"):  # the halves have different counts
        return query, key, torch.arange(8 * 6).view(8, 2, 3) % 7 < torch.arange(8).view(8, 1, 1)
    return query, key


def one_half(rank: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    results = {}
    for name, loss in LOSSES.items():
        query, *rest = (half.chunk(2)[rank].clone() for half in features(name))
        value = loss(query.requires_grad_(), *rest)
        results[name] = (value.detach(), torch.autograd.grad(value, query)[0])
    return results


def test_two_processes_equal_one() -> None:
    halves = in_processes(one_half, 2)
    for name, loss in LOSSES.items():
        query, *rest = features(name)
        value = loss(query.requires_grad_(), *rest)
        gradient = torch.autograd.grad(value, query)[0]
        torch.testing.assert_close(sum(h[name][0] for h in halves) / 2, value.detach(), rtol=1e-10, atol=0)
        # DistributedDataParallel divides by the number of processes what each adds to a shared parameter's gradient.
        both = torch.cat([h[name][1] for h in halves]) / 2
        torch.testing.assert_close(both, gradient, rtol=1e-9, atol=1e-14)


def test_one_process_sums_nothing() -> None:
    tensor = torch.rand(3)
    assert global_sum(tensor) is tensor


@pytest.mark.parametrize("shape", [(1, 2), (5, 3), (4, 3, 2, 2)])
def test_standardize_has_mean_zero_and_variance_one(shape: tuple[int, ...]) -> None:
    values = standardize(torch.rand(shape, dtype=torch.float64) * 100)
    dims = [0, *range(2, len(shape))]
    torch.testing.assert_close(values.mean(dims), torch.zeros(shape[1], dtype=torch.float64), rtol=0, atol=1e-9)
    if shape[0] > 1:
        variance = values.var(dims, correction=0)
        torch.testing.assert_close(variance, torch.ones_like(variance), rtol=1e-4, atol=0)
