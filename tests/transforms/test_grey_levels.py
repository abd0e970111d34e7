from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_mocoi.transforms import is_flattened


def ramp(levels, high):
    """A picture of so many values, evenly spaced from 0 to ``high`` of 65535."""
    return torch.linspace(0, high / 65535, levels)[None, None].repeat(1, 3, 1)


@pytest.mark.parametrize(
    ("levels", "high", "flattened"),
    [
        (4096, 4095, True),  # 12 bits in 16: 17 levels are left
        (4096, 65535, False),  # all levels of 8 bits
        (4096, 64 * 257, False),  # 65 levels are left
        (4096, 62 * 257, True),  # 63
        (30, 4095, False),  # 17 of 30: not half are lost
        (40, 4095, True),  # 17 of 40
        (1, 0, False),
    ],
)
def test_what_is_flattened(levels, high, flattened):
    assert is_flattened(ramp(levels, high)) is flattened


def test_an_8_bit_picture_is_never_flattened():
    rng = np.random.default_rng(0)
    for levels in (2, 10, 60, 255):
        values = rng.integers(0, levels, (3, 20, 20), endpoint=True)
        assert not is_flattened(torch.tensor(values / 255, dtype=torch.float32))
