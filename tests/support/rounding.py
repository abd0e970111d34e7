"""Equality of numbers whose sums ran in another order: in two processes, with other threads, on another processor."""

from __future__ import annotations

from collections.abc import Mapping

import torch

LEARNING_RATE_SHARE = 0.01
"""What such tests multiply a usual learning rate by.

BatchNorm over a handful of small images magnifies the last digits of the weights from step to step, by 10 to 1,000 at a
usual learning rate: in float64 what was 1e-15 is 1e-6 after six steps, in one process with its images in another memory
format as in two processes. With a hundredth of it the steps don't magnify, and after six of them gradients and weights
are equal to 1e-12 still. So a fault shows, whatever the processor.
"""


def assert_equal_to_rounding(
    found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], share: float = 1e-10
) -> None:
    """Compare named float64 tensors to ``share`` of the largest expected number of all; whole numbers exactly."""
    assert list(found) == list(expected)
    floats = [value for value in expected.values() if value.is_floating_point()]
    assert all(value.dtype == torch.float64 for value in floats)
    largest = max((value.abs().max().item() for value in floats if value.numel()), default=0.0)
    assert largest > 0, "nothing but zeros says nothing"
    for name, value in expected.items():
        limit = share * largest if value.is_floating_point() else 0
        torch.testing.assert_close(found[name], value, rtol=0, atol=limit, msg=lambda text, of=name: f"{of}: {text}")
