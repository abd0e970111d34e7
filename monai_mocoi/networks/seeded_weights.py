"""Weights that depend on a seed alone, not on what was built before."""

from __future__ import annotations

import torch
from torch import nn

from monai_mocoi.networks.stage_encoder import StageEncoder


def draw_weights(module: nn.Module, seed: int) -> None:
    """Draw a module's weights again from a seed; torch's own random state is left as it was.

    Args:
        module: a :class:`StageEncoder`, or any module whose layers have ``reset_parameters``.
        seed: of the draw; the same seed and shape give the same weights, bit for bit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(module, StageEncoder):
            module.reset_parameters()
            return
        for layer in module.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
