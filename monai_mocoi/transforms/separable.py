"""Weighted sums of neighbouring rows, then of columns: what both resizing and blurring are."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

from monai_mocoi.transforms.on_device import on_device

Taps = tuple[np.ndarray, np.ndarray]

_LARGE = 256 * 256  # pixels
_BLOCK = 32  # lines of the result
_FEW = 8  # taps: adding up so many rows is quicker than a product of matrices


def filter_separable(images: torch.Tensor, row_taps: Taps, column_taps: Taps) -> torch.Tensor:
    """Filter a batch (N, C, H, W), floating point, along its rows and columns, with taps of each sample's own.

    A sample's result does not depend, not even in the last bit, on the other samples or on taps of weight 0 at either
    end of a list. ``row_taps``: index and weight, of shape (N, rows out, taps) or broadcast to it: the rows that make
    up each new row, and their weights. ``column_taps``: the same for columns.
    """
    if images.shape[0] == 0:
        return images.new_empty(0, images.shape[1], row_taps[0].shape[1], column_taps[0].shape[1])
    return _sum_rows(_sum_rows(images, *row_taps).mT, *column_taps).mT.contiguous()


def filter_columns_first(images: torch.Tensor, row_taps: Taps, column_taps: Taps) -> torch.Tensor:
    """As :func:`filter_separable`, up to rounding, for images of any number type, and quicker; the result is float32.

    On the CPU large images are multiplied by long taps as matrices, block by block; small ones are filtered together.
    """
    pixels = max(row_taps[0].shape[1], images.shape[2]) * max(column_taps[0].shape[1], images.shape[3])
    if pixels < _LARGE or images.device.type != "cpu":
        # The copy that makes floats of them also lays the columns side by side, which saves a pass over the memory.
        across = torch.empty(images.mT.shape, dtype=torch.float32, device=images.device).copy_(images.mT)
        return _sum_rows(_sum_rows(across, *column_taps).mT, *row_taps)
    samples, channels, rows, columns = *images.shape[:2], row_taps[0].shape[1], column_taps[0].shape[1]
    lines = images.float()
    if row_taps[0].shape[2] <= _FEW:
        lines = _sum_rows(lines, *row_taps)
    else:
        lines, whole = lines.new_empty(samples, channels, rows, images.shape[3]), lines
        for number in range(samples):
            for out, some, taps in _bands(row_taps[0][number], row_taps[1][number], images.shape[2]):
                for channel in range(channels):
                    torch.mm(taps, whole[number, channel, some], out=lines[number, channel, out])
    result = lines.new_empty(samples, channels, rows, columns)
    for number in range(samples):
        for out, some, taps in _bands(column_taps[0][number], column_taps[1][number], images.shape[3]):
            for channel in range(channels):
                torch.mm(lines[number, channel, :, some], taps.T, out=result[number, channel, :, out])
    return result


def _bands(index: np.ndarray, weight: np.ndarray, length: int) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Blocks of taps as matrices: which lines of the result they make, of which lines, (lines out, lines in)."""
    size = len(index)
    starts = np.arange(0, size, _BLOCK)
    first = np.minimum.reduceat(index.min(axis=1), starts)
    span = int((np.maximum.reduceat(index.max(axis=1), starts) - first).max()) + 1
    first = np.minimum(first, length - span)
    matrices = np.zeros((len(starts) * _BLOCK, span), dtype=np.float32)
    lines = np.arange(size)[:, None]
    np.add.at(matrices, (lines, index - first[lines // _BLOCK]), np.broadcast_to(weight, index.shape))
    for start, begin in zip(starts.tolist(), first.tolist(), strict=True):
        end = min(start + _BLOCK, size)
        yield slice(start, end), slice(begin, begin + span), torch.from_numpy(matrices[start:end])


def _sum_rows(images: torch.Tensor, index: np.ndarray, weight: np.ndarray) -> torch.Tensor:
    # An embedding bag is exactly this sum, and PyTorch's is several times faster on the CPU than a convolution with one
    # channel or `interpolate`. It needs its table contiguous, else it takes a slow path that rounds otherwise.
    samples, channels, rows, columns = images.shape
    first_row = np.arange(0, samples * channels * rows, rows).reshape(samples, channels, 1, 1)
    bags = index[:, None] + first_row  # (N, C, rows out, taps): rows of all the images below each other
    weights = np.empty(bags.shape)
    weights[...] = weight[:, None]
    sums = F.embedding_bag(
        on_device(bags.reshape(-1, bags.shape[-1]), images.device),
        images.contiguous().view(-1, columns),
        mode="sum",
        per_sample_weights=on_device(weights.reshape(-1, bags.shape[-1]), images.device, images.dtype),
    )
    return sums.view(samples, channels, -1, columns)
