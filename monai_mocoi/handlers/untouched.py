"""A look at a network in training that leaves no trace: with or without it the run is the same, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from monai_mocoi.runs.random_state import random_state, set_random_state


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Eval mode; afterwards every module's mode, and all random generators, are as they were."""
    modes, state = {module: module.training for module in network.modules()}, random_state()
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
        set_random_state(state)
