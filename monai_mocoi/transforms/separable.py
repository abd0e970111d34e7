"""Weighted sums of neighbouring rows, then of columns: what both resizing and blurring are."""

import numpy as np
import torch
import torch.nn.functional as F

Taps = tuple[np.ndarray, np.ndarray]


def filter_separable(images: torch.Tensor, row_taps: Taps, column_taps: Taps) -> torch.Tensor:
    """Filter a batch (N, C, H, W), floating point, along its rows and columns, with taps of each sample's own.

    A sample's result does not depend, not even in the last bit, on the other samples or on taps of weight 0 at either
    end of a list. ``row_taps``: index and weight, of shape (N, rows out, taps) or broadcast to it: the rows that make
    up each new row, and their weights. ``column_taps``: the same for columns.
    """
    if images.shape[0] == 0:
        return images.new_empty(0, images.shape[1], row_taps[0].shape[1], column_taps[0].shape[1])
    return _sum_rows(_sum_rows(images, *row_taps).mT, *column_taps).mT.contiguous()


def _sum_rows(images: torch.Tensor, index: np.ndarray, weight: np.ndarray) -> torch.Tensor:
    # An embedding bag is exactly this sum, and PyTorch's is several times faster on the CPU than a convolution with one
    # channel or `interpolate`. It needs its table contiguous, else it takes a slow path that rounds otherwise.
    samples, channels, rows, columns = images.shape
    first_row = np.arange(0, samples * channels * rows, rows).reshape(samples, channels, 1, 1)
    bags = index[:, None] + first_row  # (N, C, rows out, taps): rows of all the images below each other
    weights = np.empty(bags.shape)
    weights[...] = weight[:, None]
    sums = F.embedding_bag(
        torch.from_numpy(bags.reshape(-1, bags.shape[-1])).to(images.device),
        images.contiguous().view(-1, columns),
        mode="sum",
        per_sample_weights=torch.from_numpy(weights.reshape(-1, bags.shape[-1])).to(images),
    )
    return sums.view(samples, channels, -1, columns)
