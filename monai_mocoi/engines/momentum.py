"""Momentum of SGD before its first step, which a gradient scaler may leave out."""

import torch


def begin_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Let the momentum of SGD begin at 0; other optimisers, and momentum that is there already, stay.

    A fused step that is left out, because a gradient of fp16 is not finite, does not write the momentum that it made
    room for, and the next step would go on with whatever lay in that memory (torch 2.13). Nothing else changes: with
    ``dampening`` 0 the first step takes 0 x momentum + gradient.
    """
    if not isinstance(optimizer, torch.optim.SGD):
        return
    for group in optimizer.param_groups:
        if group["momentum"] and not group["dampening"]:
            for parameter in group["params"]:
                optimizer.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))
