"""Statistics over the global batch, that is over the samples of all processes, with gradients."""

from typing import Any

import torch
import torch.distributed as dist

EPS = 1e-5
"""Added to a variance before features are divided by its root: a constant channel becomes 0."""


def several_processes() -> bool:
    """Whether this process is one of several that train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class _AllReduceSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        # Every process's loss depends on this process's summand: its gradient is the sum of all their gradients.
        total = grads[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def global_sum(tensor: torch.Tensor) -> torch.Tensor:
    """Sum a tensor, of one shape on all processes, elementwise over them, differentiably; one process: the tensor.

    Its gradient is summed over the processes too, so that two processes of N / 2 samples give the loss and, by
    DistributedDataParallel's average, the gradient of one process with N samples.
    """
    if not several_processes():
        return tensor
    total: torch.Tensor = _AllReduceSum.apply(tensor)  # type: ignore[no-untyped-call]
    return total


def standardize(features: torch.Tensor, eps: float = EPS) -> torch.Tensor:
    """Standardise each channel over the global batch and all positions, as BatchNorm in training without affine part.

    ``features``: ``(N, C, ...)`` in float32 or float64, with the same N on every process. They get mean 0 and, because
    ``eps`` is added to the (biased) variance ``v``, variance ``v / (v + eps)``: a constant channel becomes 0.
    """
    dims = [0, *range(2, features.ndim)]
    per_channel = features.numel() // max(features.shape[1], 1)
    if not several_processes() and per_channel > 1:
        return torch.nn.functional.batch_norm(features, None, None, training=True, eps=eps)  # the same, in one pass
    count = global_sum(torch.full((), float(per_channel), dtype=features.dtype, device=features.device))
    centred = features - global_sum(features.sum(dims, keepdim=True)) / count
    variance = global_sum(centred.square().sum(dims, keepdim=True)) / count
    return centred * torch.rsqrt(variance + eps)
