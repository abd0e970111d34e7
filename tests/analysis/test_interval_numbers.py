"""Notes on intervals without width say what is so."""

from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.analysis import IntervalSettings
from monai_mocoi.analysis.interval_numbers import NO_WIDTH, ONE_VALUE, numbers
from monai_mocoi.metrics import Bootstrapped


@pytest.mark.parametrize(("other", "note"), [(1.0, NO_WIDTH), (0.9, ONE_VALUE)])
def test_every_resample_alike_and_nearly_every(other: float, note: str) -> None:
    values = np.r_[np.ones(999), other]
    found = Bootstrapped(np.array(1.0), values, None, lambda: np.ones(10))
    (number,) = numbers(found, IntervalSettings(interval="percentile"))
    assert number == {"value": 1.0, "interval": [1.0, 1.0], "note": note}
