"""Variances and covariance of two views' features, channel by channel over the global batch, in few passes."""

from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable

from monai_mocoi.losses.global_batch import global_sum


class ChannelMoments(NamedTuple):
    """Of each channel, ``(C,)``, divided by the number of values."""

    query: torch.Tensor
    key: torch.Tensor
    both: torch.Tensor


def channel_moments(query: torch.Tensor, key: torch.Tensor) -> ChannelMoments:
    """Variances and covariance of ``(N, C, ...)`` features of two views over the batch of all processes.

    Features in float32 or float64; every process holds the same N. They are differentiable, also across processes.
    """
    dims = [0, *range(2, query.ndim)]
    with torch.no_grad():
        count = torch.tensor([float(query.numel() // max(query.shape[1], 1))], dtype=query.dtype, device=query.device)
        sums = torch.cat([query.sum(dims), key.sum(dims), count])
        sums = global_sum(sums)
        count, shape = sums[-1], (1, -1, *[1] * (query.ndim - 2))
        means = [mean.view(shape) for mean in (sums[:-1] / count).chunk(2)]
    products: torch.Tensor = _CentredProducts.apply(query, key, *means, dims)  # type: ignore[no-untyped-call]
    return ChannelMoments(*(global_sum(products) / count).unbind())


class _CentredProducts(torch.autograd.Function):
    """Sums ``(3, C)`` of the squares and products of deviations from the means.

    The derivative by a mean is the sum of all deviations, which is 0: so the means need none. Written by hand, because
    autograd would go over the features three times as often, and in another order than theirs in memory.
    """

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, of_query: torch.Tensor, of_key: torch.Tensor, dims: list[int]
    ) -> torch.Tensor:
        query, key = query - of_query, key - of_key
        ctx.save_for_backward(query, key)
        return torch.stack([(a * b).sum(dims) for a, b in ((query, query), (key, key), (query, key))])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key = ctx.saved_tensors
        by_query, by_key, by_both = (g.view(1, -1, *[1] * (query.ndim - 2)) for g in grads[0])
        of_query = (query * (2 * by_query)).addcmul_(key, by_both) if ctx.needs_input_grad[0] else None
        of_key = (key * (2 * by_key)).addcmul_(query, by_both) if ctx.needs_input_grad[1] else None
        return of_query, of_key, None, None, None
