"""What a training step of MoCo computes its losses from."""

from typing import NamedTuple

import torch


class MoCoOutput(NamedTuple):
    """Of a batch of N images of this process, with a queue of K keys."""

    query: torch.Tensor
    """``(N, D)`` unit vectors of the query view."""
    key: torch.Tensor
    """``(N, D)`` unit vectors of the key view, in the batch's order, without gradient."""
    positive: torch.Tensor
    """``(N,)`` similarity of each query with its own key."""
    negative: torch.Tensor
    """``(N, K)`` similarity of each query with the queue, as it was before this batch entered."""
    mask: torch.Tensor
    """``(N, K)`` bool: True where a queue entry is a negative."""
    stages_query: tuple[torch.Tensor, ...]
    """The query view's stage representations, one a stage head."""
    stages_key: tuple[torch.Tensor, ...]
    """The key view's, in the batch's order; with a gradient to the heads' weights, but not to any encoder."""
    pooled_stages: tuple[torch.Tensor, ...]
    """``(N, C)`` globally averaged query maps of the four stages, detached, for watching their spread; empty where
    ``watch_stages`` is False."""
