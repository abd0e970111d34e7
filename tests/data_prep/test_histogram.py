from __future__ import annotations

import numpy as np
import pytest

from data_prep.histogram import BINS, histogram
from monai_mocoi.transforms.reader import to_channels


@pytest.mark.parametrize("channels", [1, 3])
def test_against_counting_one_by_one(channels):
    picture = np.random.default_rng(0).integers(0, 256, (channels, 9, 7)).astype(np.float32) / np.float32(255)
    expected = np.zeros(BINS)
    for value in to_channels(picture, 1).ravel().tolist():
        expected[min(int(value * BINS), BINS - 1)] += 1 / 63
    np.testing.assert_allclose(histogram(picture), expected, atol=1e-6)


def test_black_and_white_are_in_it():
    picture = np.array([0, 1, 1, 1], np.float32).reshape(1, 2, 2)
    assert histogram(picture)[[0, -1]].tolist() == [0.25, 0.75]
