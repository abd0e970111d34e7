from __future__ import annotations

import io
import random

import numpy as np
import pytest
import torch

from monai_mocoi.runs.random_state import random_state, set_random_state


def draw() -> list[float]:
    # An odd number of gauss draws leaves one in store in Python's and NumPy's generators.
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),  # noqa: NPY002
        float(np.random.randn()),  # noqa: NPY002
        float(torch.rand(())),
        float(torch.randn(())),
    ]


@pytest.mark.parametrize("draws_before", [0, 1, 2])
def test_goes_on_after_the_way_through_a_weights_only_file(draws_before: int) -> None:
    for _ in range(draws_before):
        draw()
    buffer = io.BytesIO()
    torch.save(random_state(), buffer)
    expected = [draw() for _ in range(3)]
    buffer.seek(0)
    set_random_state(torch.load(buffer, weights_only=True))
    assert [draw() for _ in range(3)] == expected


def test_looking_changes_nothing() -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    expected = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    random_state()
    assert draw() == expected
