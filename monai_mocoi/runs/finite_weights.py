"""Weights that are no numbers must not be saved: the step that made them is followed by no loss that would tell."""

from __future__ import annotations

import torch
from torch import nn


def first_not_finite(network: nn.Module) -> str | None:
    """Name of the first floating-point tensor of a network's state that holds a NaN or an infinity; None: all finite.

    Args:
        network: on any device; there is one transfer from it.
    """
    state = {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    if not state:
        return None
    finite = torch.stack([tensor.isfinite().all() for tensor in state.values()]).tolist()
    return next((name for name, good in zip(state, finite, strict=True) if not good), None)
