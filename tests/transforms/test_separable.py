import numpy as np
import pytest
import torch

from monai_mocoi.transforms.separable import filter_columns_first, filter_separable


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


@pytest.mark.parametrize("taps", [3, 17])
@pytest.mark.parametrize("shape", [(2, 3, 40, 60), (2, 1, 260, 300), (1, 3, 400, 200)])  # small; large, in blocks
def test_columns_first_is_the_same_sum_for_small_and_large_images(shape, taps):
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8))

    def drawn(length, size):  # neighbours, as resizing and blurring have them
        middle = np.linspace(0, length - 1, size)[:, None] + np.arange(taps) - taps // 2
        return np.clip(middle.astype(int), 0, length - 1)[None].repeat(shape[0], 0), rng.random((shape[0], size, taps))

    rows, columns = drawn(shape[2], 270), drawn(shape[3], 256)
    expected = filter_separable(images.double(), rows, columns)
    result = filter_columns_first(images, rows, columns)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=0)
