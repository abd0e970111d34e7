"""Gaussian blur: batched function, and the random blur that calls it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from monai_mocoi.transforms.dict_forms import SharedDrawd
from monai_mocoi.transforms.images import RandImage, check_batch, per_sample_on_host
from monai_mocoi.transforms.separable import Taps, filter_columns_first, filter_separable

_TRUNCATE = 4.0  # the kernel ends at this many sigmas, as scipy.ndimage's does


def gaussian_blur(images: torch.Tensor, sigma: torch.Tensor | float) -> torch.Tensor:
    """Blur each image with a Gaussian, the same in both directions; the edge pixels are continued outwards.

    Equal to ``scipy.ndimage.gaussian_filter(mode="nearest")``. Pillow's ``GaussianBlur(radius=sigma)`` approximates it
    by three box filters.

    Args:
        images: batch of shape (N, C, H, W), floating point, any range of values.
        sigma: standard deviation in pixels, shape (N,) or one number, at least 0 (else ValueError); below 0.125 nothing
            changes.
    """
    check_batch(images, "gaussian_blur")
    widths = per_sample_on_host(sigma, images, "blur sigma")
    if not ((widths >= 0) & (widths < np.inf)).all():
        raise ValueError(f"gaussian_blur: sigma must be 0 or more pixels, got {widths.tolist()}")
    if images.shape[0] == 0:
        return images.clone()
    rows, columns = images.shape[2:]
    row_taps = gaussian_taps(widths, rows)
    return filter_separable(images, row_taps, row_taps if rows == columns else gaussian_taps(widths, columns))


def gaussian_taps(sigma: np.ndarray, length: int) -> Taps:
    """Pixels (N, length, taps) and weights (N, 1, taps) that blur a line of ``length`` pixels."""
    weight, reach = _gaussian(sigma)
    index = np.minimum(np.maximum(np.arange(length)[:, None] + np.arange(-reach, reach + 1), 0), length - 1)
    return np.broadcast_to(index, (len(sigma), *index.shape)), weight[:, None]


def _gaussian(sigma: np.ndarray) -> tuple[np.ndarray, int]:
    """Weights (N, taps) of each sigma, and how far the widest reaches."""
    radius = _radius(sigma)[:, None]
    reach = int(radius.max())
    offset = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (offset / np.maximum(sigma, 1e-9)[:, None]) ** 2) * (np.abs(offset) <= radius)
    # Summed strictly in order, so that more taps of weight 0 (a wider blur elsewhere in the batch) change no bit.
    return weight / weight.cumsum(-1)[:, -1:], reach


def _radius(sigma: np.ndarray) -> np.ndarray:
    return np.floor(_TRUNCATE * sigma + 0.5)


class RandGaussianBlur(RandImage):
    """Blur an image with a Gaussian of random width, with a probability.

    Not MONAI's ``RandGaussianSmooth``: it draws a sigma for each direction (the paper draws one for both), darkens the
    edges by treating the outside as black, and is several times slower (docs/views.md).

    Args:
        sigma: smallest and largest standard deviation in pixels, 0 <= low <= high; drawn uniformly. The default is the
            paper's.
        prob: see :class:`~monai_mocoi.transforms.images.RandImage`.
    """

    def __init__(self, sigma: Sequence[float] = (0.1, 2.0), prob: float = 0.1) -> None:
        if len(sigma) != 2 or not 0 <= sigma[0] <= sigma[1] < float("inf"):
            raise ValueError(
                f"RandGaussianBlur: sigma must be (low, high) in pixels with 0 <= low <= high, got {sigma}"
            )
        super().__init__(prob)
        self.sigma = tuple(sigma)
        self._sigma = self.sigma[0]

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act, and sigma."""
        super().randomize(None)
        if self._do_transform:
            self._sigma = self.between(self.sigma[0], self.sigma[1])

    def drawn(self) -> tuple[float, ...]:
        """Sigma in pixels."""
        return (self._sigma,)

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Blur a batch by the last draw, bit for bit as :func:`gaussian_blur`."""
        return gaussian_blur(images, self._sigma)

    def kind(self, drawn: np.ndarray, channels: int) -> np.ndarray:
        """By the size of the kernel, because all kernels of a batch are as long as the longest."""
        size: np.ndarray = np.ceil(np.log2(_radius(drawn[:, 0]) + 1)).astype(np.int64)
        return size

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """Blur each image by its sigma."""
        return filter_columns_first(images, *(gaussian_taps(drawn[:, 0], length) for length in images.shape[2:]))


class RandGaussianBlurd(SharedDrawd):
    """Dict form of :class:`RandGaussianBlur`: one draw for all keys."""

    ARRAY = RandGaussianBlur
