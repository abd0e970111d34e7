from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_mocoi.metrics import apply_recalibration
from monai_mocoi.transforms import Recalibrate, Recalibrated

RECORD = {"method": "platt", "classes": {"A": {"intercept": 0.5, "slope": 0.7}, "B": {"reason": "too few"}}}


@pytest.mark.parametrize("shape", [(2,), (5, 2)])
def test_tensors_and_arrays_keep_their_type(shape: tuple[int, ...]) -> None:
    said = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    made = Recalibrate(RECORD, ("A", "B"), "multilabel")(said)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, apply_recalibration(said, RECORD, "AB", "multilabel"), atol=1e-7)
    tensor = Recalibrated("pred", RECORD, ["A", "B"], "multilabel")({"pred": torch.from_numpy(said)})["pred"]
    assert tensor.dtype == torch.float32
    np.testing.assert_array_equal(tensor.numpy(), made)


def test_without_a_record_nothing_changes() -> None:
    said = torch.rand(3, 2)
    assert Recalibrate(None, ("A", "B"), "multiclass")(said) is said
    assert Recalibrated("pred", RECORD, ["A", "B"], "multilabel", allow_missing_keys=True)({}) == {}
