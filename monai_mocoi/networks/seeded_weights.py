"""Weights that depend on a seed alone, not on what was built before."""

import torch
from torch import nn

from monai_mocoi.networks.stage_encoder import StageEncoder


def draw_weights(module: nn.Module, seed: int) -> None:
    """Draw a module's weights again; the same seed and shape give the same weights, bit for bit.

    Torch's own random state is left as it was. ``module`` is a :class:`StageEncoder`, or its layers have
    ``reset_parameters``.
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
