import numpy as np
import pytest
import torch

from monai_mocoi.transforms.separable import filter_separable


@pytest.mark.parametrize("channels", [1, 3])
def test_equals_the_plain_double_sum(channels):
    rng = np.random.default_rng(0)
    images = torch.rand(2, channels, 6, 7, dtype=torch.float64)
    row_index, row_weight = rng.integers(0, 6, (2, 4, 3)), rng.random((2, 4, 3))
    column_index, column_weight = rng.integers(0, 7, (2, 5, 2)), rng.random((2, 5, 2))
    expected = torch.zeros(2, channels, 4, 5, dtype=torch.float64)
    for n, r, c in np.ndindex(2, 4, 5):
        for i, j in np.ndindex(3, 2):
            pixel = images[n, :, row_index[n, r, i], column_index[n, c, j]]
            expected[n, :, r, c] += row_weight[n, r, i] * column_weight[n, c, j] * pixel
    result = filter_separable(images, (row_index, row_weight), (column_index, column_weight))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    assert result.is_contiguous()
    # A transposed view gives the same, and so do taps shared by all samples.
    transposed = images.mT.contiguous().mT
    assert torch.equal(filter_separable(transposed, (row_index, row_weight), (column_index, column_weight)), result)


def test_taps_broadcast_over_samples():
    images = torch.rand(3, 1, 4, 4)
    index, weight = np.arange(4)[None, :, None], np.full((1, 1, 1), 0.5)
    torch.testing.assert_close(filter_separable(images, (index, weight), (index, weight)), images / 4)
