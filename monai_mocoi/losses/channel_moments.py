"""Variances and covariance of two views' features, channel by channel over the global batch, in few passes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable

from monai_mocoi.losses.global_batch import global_sum

_VALUES = 2**18


class ChannelMoments(NamedTuple):
    """Of each channel, ``(C,)``, divided by the number of values."""

    query: torch.Tensor
    key: torch.Tensor
    both: torch.Tensor


def channel_moments(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None = None) -> ChannelMoments:
    """Variances and covariance of ``(N, C, ...)`` features of two views over the batch of all processes.

    Floating point; computed in float32, or float64 if they are. Every process holds the same N. They are
    differentiable, also across processes. ``mask``: bool ``(N, ...)``, True where values count; if none do, all is 0.
    """
    wide = torch.promote_types(query.dtype, torch.float32)
    dims = [0, *range(2, query.ndim)]
    with torch.no_grad():
        if mask is None:  # filled there: a number that is sent to a GPU is waited for
            count = torch.full((1,), float(query.numel() // max(query.shape[1], 1)), dtype=wide, device=query.device)
        else:
            count = mask.sum().to(wide).view(1)
        sums = torch.zeros(2, query.shape[1], dtype=wide, device=query.device)
        for some, *views in _blocks(query, key):
            sums += torch.stack([_counted(view.to(wide), mask, some).sum(dims) for view in views])
        sums = global_sum(torch.cat([sums.flatten(), count]))
        count = sums[-1] if mask is None else sums[-1].clamp(min=1)
        shape = (1, -1, *[1] * (query.ndim - 2))
        means = [mean.view(shape) for mean in (sums[:-1] / count).chunk(2)]
    products: torch.Tensor = _CentredProducts.apply(query, key, *means, mask, dims)  # type: ignore[no-untyped-call]
    return ChannelMoments(*(global_sum(products) / count).unbind())


def _counted(values: torch.Tensor, mask: torch.Tensor | None, some: slice) -> torch.Tensor:
    """Values of some samples, with 0 in the place of those that do not count."""
    return values if mask is None else values.masked_fill(~mask[some].unsqueeze(1), 0)


def _blocks(query: torch.Tensor, key: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Some samples of both views after one another; on a GPU all at once."""
    samples = len(query)
    size = max(1, _VALUES * samples // max(query.numel(), 1)) if query.device.type == "cpu" else max(samples, 1)
    for start in range(0, samples, size):
        some = slice(start, start + size)
        yield some, query[some], key[some]


class _CentredProducts(torch.autograd.Function):
    """Sums ``(3, C)`` of the squares and products of deviations from the means.

    The derivative by a mean is the sum of all deviations that count, which is 0: so the means need none. Written by
    hand, because autograd would go over the features three times as often, keep them in single precision, and give
    their gradients in another order in memory. Block by block, because what is made on the way then stays in the
    processor's cache.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        of_query: torch.Tensor,
        of_key: torch.Tensor,
        mask: torch.Tensor | None,
        dims: list[int],
    ) -> torch.Tensor:
        ctx.save_for_backward(query, key, of_query, of_key, mask)
        sums = of_query.new_zeros(3, query.shape[1])
        for some, a, b in _blocks(query, key):
            a, b = _counted(a - of_query, mask, some), _counted(b - of_key, mask, some)
            sums += torch.stack([(a * a).sum(dims), (b * b).sum(dims), a.mul_(b).sum(dims)])
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, of_query, of_key, mask = ctx.saved_tensors
        by_query, by_key, by_both = (g.view(of_query.shape) for g in grads[0])
        needed = zip((query, key), ctx.needs_input_grad[:2], strict=True)
        results = [torch.empty_like(view) if need else None for view, need in needed]
        for some, a, b in _blocks(query, key):
            a, b = _counted(a - of_query, mask, some), _counted(b - of_key, mask, some)
            if results[0] is not None:
                results[0][some] = (a * (2 * by_query)).addcmul_(b, by_both)
            if results[1] is not None:
                results[1][some] = (b * (2 * by_key)).addcmul_(a, by_both)
        return *results, None, None, None, None
