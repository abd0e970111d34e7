"""Activation checkpointing: what a block computes inside is not kept for the backward pass, but computed again."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recomputed_stage(stage: nn.Sequential, maps: torch.Tensor) -> torch.Tensor:
    """``stage(maps)``, each of whose blocks is :func:`recomputed`."""
    for block in stage:
        maps = recomputed(block, maps)
    return maps


def recomputed(block: nn.Module, maps: torch.Tensor) -> torch.Tensor:
    """``block(maps)``, of which only ``maps`` is kept; a block without random layers, such as dropout.

    BatchNorm's running statistics move once, as they would without (Chen et al. 2016, section 4.1, has the method).
    """
    if not torch.is_grad_enabled():
        result: torch.Tensor = block(maps)
        return result
    contexts = nullcontext(), _unseen_by_batch_norm(block)
    result = checkpoint(block, maps, use_reentrant=False, preserve_rng_state=False, context_fn=lambda: contexts)
    return result


@contextmanager
def _unseen_by_batch_norm(block: nn.Module) -> Iterator[None]:
    # Not track_running_stats: without running statistics the layer would keep other tensors than the first time.
    norms = [(m, m.momentum, m.num_batches_tracked) for m in block.modules() if isinstance(m, _BatchNorm)]
    for norm, _, _ in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, momentum, count in norms:
            norm.momentum, norm.num_batches_tracked = momentum, count
