"""Weights that are no numbers must not be saved: the step that made them is followed by no loss that would tell."""

from __future__ import annotations

import torch
from torch import nn

from monai_mocoi.engines import NotFiniteError


class WeightsNotFiniteError(NotFiniteError):
    """A weight or another tensor of the network is NaN or infinite.

    Args:
        iteration: after which it is so, from 1.
        name: of the first such tensor in the network.
    """

    def __init__(self, iteration: int, name: str) -> None:
        self.iteration, self.terms, self.rows = iteration, [name], list[int]()
        FloatingPointError.__init__(
            self,
            f"iteration {iteration}: {name} of the network is not finite after this step, so the network was not "
            "saved. What was saved before is intact, but a continued run would come here again: start a new run with "
            "a lower learning_rate, with max_grad_norm (for example 1.0), or with precision float32.",
        )


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
