"""Cutting a box out of an image and resizing it: batched function, and the random resized crop that calls it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from monai_mocoi.transforms.dict_forms import SharedDrawd
from monai_mocoi.transforms.images import RandImage, check_batch
from monai_mocoi.transforms.separable import Taps, filter_separable


def crop_resize(images: torch.Tensor, boxes: torch.Tensor, size: int | Sequence[int]) -> torch.Tensor:
    """Cut one box out of each image and bring it to a common size.

    The resampling is that of Pillow's ``resize(size, BILINEAR, box=box)``: linear where it enlarges, a triangle as wide
    as the step where it shrinks (so that nothing aliases), reading past the box's edge but not past the image's.

    Args:
        images: batch of shape (N, C, H, W), floating point, any range of values.
        boxes: shape (N, 4): left, top, right, bottom in pixels, fractions allowed; (0, 0, W, H) is the whole image. One
            that is empty or leaves the image is a ValueError.
        size: pixels of the square result, or (rows, columns).
    """
    check_batch(images, "crop_resize")
    samples, _, rows, columns = images.shape
    out_rows, out_columns = _rows_columns(size, "crop_resize")
    if boxes.shape != (samples, 4):
        raise ValueError(f"crop_resize: expected boxes of shape ({samples}, 4), got {tuple(boxes.shape)}")
    left, top, right, bottom = boxes.detach().cpu().double().numpy().T
    inside = (left >= 0) & (left < right) & (right <= columns) & (top >= 0) & (top < bottom) & (bottom <= rows)
    if not inside.all():
        number = int(np.flatnonzero(~inside)[0])
        raise ValueError(
            f"crop_resize: box {number} (left, top, right, bottom) = {tuple(boxes[number].tolist())} is empty or "
            f"leaves the image of {rows} rows and {columns} columns"
        )
    if samples == 0:
        return images.new_empty(0, images.shape[1], out_rows, out_columns)
    return filter_separable(
        images, resize_taps(top, bottom, rows, out_rows), resize_taps(left, right, columns, out_columns)
    )


def resize_taps(low: np.ndarray, high: np.ndarray, length: int, size: int) -> Taps:
    """Pixels and weights, each (N, size, taps), that resize the stretch low..high of a line of ``length`` pixels."""
    # Built as (N, taps, size): NumPy is quick along a long last axis, and adds the taps up in order, so that more taps
    # of weight 0 (a wider box elsewhere in the batch) change no bit.
    step = ((high - low) / size)[:, None, None]
    reach = np.maximum(step, 1.0)
    centre = low[:, None, None] + step * (np.arange(size) + 0.5)
    pixel = np.floor(centre - reach + 0.5) + np.arange(2 * math.ceil(reach.max()) + 1)[:, None]
    weight = np.maximum(1 - np.abs(pixel + 0.5 - centre) / reach, 0.0)
    index = np.minimum(np.maximum(pixel, 0), length - 1)
    weight *= index == pixel
    weight /= weight.sum(axis=1, keepdims=True)
    return index.astype(np.int64).transpose(0, 2, 1), weight.transpose(0, 2, 1)


def _rows_columns(size: int | Sequence[int], name: str) -> tuple[int, int]:
    rows, columns = (size, size) if isinstance(size, int) else size
    if rows < 1 or columns < 1:
        raise ValueError(f"{name}: size must be at least 1 pixel, got {size}")
    return int(rows), int(columns)


class RandResizedCrop(RandImage):
    """Cut out a random part of an image and bring it to a fixed size.

    The draw is that of Inception and torchvision's ``RandomResizedCrop``: a share of the area, the logarithm of the
    aspect ratio, then the place, each uniform, at whole pixels. After ten boxes that do not fit, the largest central
    part with an allowed aspect ratio is taken. It always acts (no ``prob``), since all views need the same size.

    Args:
        size: pixels of the square result, or (rows, columns).
        scale: smallest and largest share of the image's area, 0 < low <= high <= 1, else ValueError; None: no random
            part but the whole image, whatever its aspect ratio.
        ratio: smallest and largest width / height, 0 < low <= high, else ValueError.

    Examples:
        >>> import torch
        >>> from monai_mocoi.transforms import RandResizedCrop
        >>> RandResizedCrop(32, scale=(0.4, 1.0)).set_random_state(seed=0)(torch.rand(3, 50, 70)).shape
        torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] | None = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
    ) -> None:
        super().__init__(prob=1.0)
        self.size = _rows_columns(size, "RandResizedCrop")
        self.scale, self.ratio = None if scale is None else tuple(scale), tuple(ratio)
        if self.scale is not None and (len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1] <= 1):
            raise ValueError(f"RandResizedCrop: scale must be (low, high) with 0 < low <= high <= 1, got {scale}")
        if len(self.ratio) != 2 or not 0 < self.ratio[0] <= self.ratio[1] < math.inf:
            raise ValueError(f"RandResizedCrop: ratio must be (low, high) with 0 < low <= high, got {ratio}")
        self._box = (0, 0, 0, 0)

    def randomize(self, data: Any = None) -> None:
        """Draw a box (left, top, right, bottom) for an image of the size of ``data``, shape (C, H, W)."""
        super().randomize(None)
        rows, columns = data.shape[-2:]
        if self.scale is None:
            self._box = (0, 0, columns, rows)
            return
        lowest, highest = math.log(self.ratio[0]), math.log(self.ratio[1])
        for _ in range(10):
            area = rows * columns * self.between(self.scale[0], self.scale[1])
            ratio = math.exp(self.between(lowest, highest))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= columns and 0 < height <= rows:
                top = int(self.R.randint(rows - height + 1))
                left = int(self.R.randint(columns - width + 1))
                break
        else:
            ratio = min(max(columns / rows, self.ratio[0]), self.ratio[1])
            width, height = min(columns, max(1, round(rows * ratio))), min(rows, max(1, round(columns / ratio)))
            top, left = (rows - height) // 2, (columns - width) // 2
        self._box = (left, top, left + width, top + height)

    def drawn(self) -> tuple[float, ...]:
        """The box: left, top, right, bottom."""
        return self._box

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """Cut its box out of each image."""
        return crop_resize(images, torch.from_numpy(drawn), self.size)


class RandResizedCropd(SharedDrawd):
    """Dict form of :class:`RandResizedCrop`: one box for all keys, whose images need the same height and width."""

    ARRAY = RandResizedCrop
