from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.transforms import percentiles
from monai_mocoi.transforms.percentiles import end_percentiles

ENDS = (0.5, 99.5)


def pictures(size):
    rng = np.random.default_rng(size)
    yield rng.random(size)
    yield rng.random(size) ** 4
    yield np.where(rng.random(size) < 0.4, 0, rng.random(size))  # black round about
    yield np.round(rng.random(size) * 9) / 9  # many of one value
    yield np.sort(rng.random(size))
    yield np.where(np.arange(size) == size // 3, 1.0, 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 3, 199, 200, 201, 4_000, 50_000])
def test_they_are_numpys_bit_for_bit(size, dtype):
    for picture in pictures(size):
        values = picture.astype(dtype).reshape(1, -1, 1)
        expected = np.percentile(values, ENDS)
        found = end_percentiles(values, ENDS)
        assert found.tolist() == expected.tolist()
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("percents", [(0, 100), (50, 99), (0.5, 100), (99.99, 0.01)])
def test_other_percents_are_numpys_too(percents):
    values = np.random.default_rng(0).random(30_000, dtype=np.float32)
    assert end_percentiles(values, percents).tolist() == np.percentile(values, percents).tolist()


def test_a_large_picture_is_not_put_into_order(monkeypatch):
    values = np.random.default_rng(0).random(100_000, dtype=np.float32)
    expected = np.percentile(values, ENDS).tolist()

    def refuse(*_):
        raise AssertionError("all values were put into order")

    monkeypatch.setattr(percentiles.np, "percentile", refuse)
    assert end_percentiles(values, ENDS).tolist() == expected


def test_a_sample_that_misleads_is_noticed():
    size = 8 * percentiles._SAMPLE
    values = np.ones(size, dtype=np.float32)
    values[::8] = np.linspace(0, 0.5, size // 8)  # all that the sample sees
    assert end_percentiles(values, ENDS).tolist() == np.percentile(values, ENDS).tolist()
    values = np.random.default_rng(0).random(size, dtype=np.float32)
    values[::8] = 0  # fewer values lie below those of the sample than are needed
    assert end_percentiles(values, ENDS).tolist() == np.percentile(values, ENDS).tolist()
