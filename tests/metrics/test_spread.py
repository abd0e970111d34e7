from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_mocoi.metrics import std_of_l2_normalized


def test_equals_numpy_and_knows_no_scale() -> None:
    features = np.random.default_rng(0).standard_normal((9, 5))
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = np.sqrt(5) * rows.std(axis=0).mean()
    assert float(std_of_l2_normalized(torch.from_numpy(features))) == pytest.approx(expected)
    assert float(std_of_l2_normalized(torch.from_numpy(features * 1e-3))) == pytest.approx(expected)


def test_closed_forms() -> None:
    assert float(std_of_l2_normalized(torch.ones(4, 8))) == pytest.approx(0, abs=1e-6)
    uniform = torch.randn(20_000, 64, generator=torch.Generator().manual_seed(0))
    assert float(std_of_l2_normalized(uniform)) == pytest.approx(1, abs=0.01)
