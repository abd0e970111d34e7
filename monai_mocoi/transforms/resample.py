"""One resampling for a whole batch: rotation, crop, mirroring and quarter turns together, each sample's own.

Chained, each of them would read and write every pixel, and each interpolation would blur a little more. A sample's map
leads from the pixels of its view to those of its image, in pixels (x, y) from the upper left corner.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from monai_mocoi.transforms.blur import gaussian_taps
from monai_mocoi.transforms.crop import resize_taps
from monai_mocoi.transforms.on_device import on_device
from monai_mocoi.transforms.separable import Taps, filter_columns_first


@dataclass
class ImageMaps:
    """Affine maps of ``N`` samples: ``(x, y)`` of a view lies at ``linear @ (x, y) + shift`` of its image.

    ``linear`` (N, 2, 2) and ``shift`` (N, 2), float64. ``turned`` (N,): by an angle, so that the view cannot be read
    along the image's rows and columns.
    """

    linear: np.ndarray
    shift: np.ndarray
    turned: np.ndarray

    @classmethod
    def identity(cls, samples: int) -> "ImageMaps":
        """Views that are the images."""
        return cls(np.tile(np.eye(2), (samples, 1, 1)), np.zeros((samples, 2)), np.zeros(samples, dtype=bool))

    def before(self, linear: np.ndarray, shift: np.ndarray) -> None:
        """Put a step before all others: what is ``(x, y)`` after it was ``linear @ (x, y) + shift`` before it."""
        self.shift = (linear @ self.shift[..., None])[..., 0] + shift
        self.linear = linear @ self.linear

    def of(self, samples: slice) -> "ImageMaps":
        """The maps of some samples."""
        return ImageMaps(self.linear[samples], self.shift[samples], self.turned[samples])

    def kind(self) -> np.ndarray:
        """Which samples are read in the same way: 0 straight, 1 with rows and columns exchanged, 2 turned; (N,)."""
        return np.where(self.turned, 2, self.linear[:, 0, 0] == 0)

    def runs(self) -> list[slice]:
        """Stretches of samples of one kind."""
        ends = [*(np.flatnonzero(np.diff(self.kind())) + 1), len(self.turned)]
        return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def resample(images: torch.Tensor, maps: ImageMaps, size: tuple[int, int], padding_mode: str = "zeros") -> torch.Tensor:
    """Read the view of each image of a batch (N, C, H, W), as :func:`as_floats`, (N, C, *size).

    Without an angle it is :func:`~monai_mocoi.transforms.crop_resize`, up to rounding. A turned view is interpolated
    between the four nearest pixels; where it shrinks the image, that is blurred first by a Gaussian, so that both
    together are as wide as the triangle of ``crop_resize``. ``padding_mode``: what lies outside a turned image, see
    :func:`~monai_mocoi.transforms.rotate`.
    """
    parts = []
    for run in maps.runs():  # of one kind, side by side
        its = maps.of(run)
        parts.append((_turned if its.turned[0] else _straight)(images[run], its, size, padding_mode))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def as_floats(images: torch.Tensor) -> torch.Tensor:
    """A copy in float32, 0..1; 8 and 16 bits are divided by their largest number."""
    floats = images.to(torch.float32, copy=True)
    return floats if images.is_floating_point() else floats.div_(torch.iinfo(images.dtype).max)


def _straight(images: torch.Tensor, maps: ImageMaps, size: tuple[int, int], _: str) -> torch.Tensor:
    """Views along rows and columns; all of the batch, or none, with the two exchanged."""
    sideways = maps.linear[0, 0, 0] == 0
    if sideways:  # the image, mirrored at its diagonal, is read straight
        images = images.mT
        maps = ImageMaps(maps.linear[:, ::-1], maps.shift[:, ::-1], maps.turned)
    row_taps, column_taps = _taps(maps, 1, images.shape[2], size[0]), _taps(maps, 0, images.shape[3], size[1])
    if not images.is_floating_point():
        row_taps = row_taps[0], row_taps[1] / torch.iinfo(images.dtype).max
    return filter_columns_first(images, row_taps, column_taps)


def _taps(maps: ImageMaps, axis: int, length: int, size: int) -> Taps:
    start = maps.shift[:, axis]
    end = start + maps.linear[:, axis, axis] * size
    index, weight = resize_taps(np.minimum(start, end), np.maximum(start, end), length, size)
    mirrored = start > end
    if mirrored.any():
        index[mirrored], weight[mirrored] = index[mirrored, ::-1], weight[mirrored, ::-1]
    return index, weight


def _turned(images: torch.Tensor, maps: ImageMaps, size: tuple[int, int], padding_mode: str) -> torch.Tensor:
    floats = _not_finer(images, np.hypot(maps.linear[:, :, 0], maps.linear[:, :, 1]))
    # Counted from the centres of view and image, and in grid_sample's units, where an image runs from -1 to 1.
    scale = 2 / np.array(images.shape[:1:-1])
    steps = maps.linear * scale[:, None]
    centre = (maps.linear @ (np.array(size[::-1]) / 2) + maps.shift) * scale - 1
    x, y = np.arange(size[1]) - (size[1] - 1) / 2, np.arange(size[0]) - (size[0] - 1) / 2
    along = on_device(steps[:, :, 0, None] * x + centre[..., None], floats.device, floats.dtype)[:, :, None, :]
    down = on_device(steps[:, :, 1, None] * y, floats.device, floats.dtype)[..., None]
    places = (along + down).permute(0, 2, 3, 1)  # planes of x and of y, which grid_sample reads as fast
    return F.grid_sample(floats, places, mode="bilinear", padding_mode=padding_mode, align_corners=False)


def _not_finer(images: torch.Tensor, steps: np.ndarray) -> torch.Tensor:
    """Float images, blurred where the step (N, 2) between pixels of a view, along x and y, is more than one pixel.

    A triangle of half width ``step`` has the variance ``step**2 / 6``, and the interpolation already has 1/6.
    """
    floats = as_floats(images)
    wide = np.flatnonzero((steps > 1).any(axis=1))
    sigma = np.sqrt(np.maximum(steps[wide] ** 2 - 1, 0) / 6)
    if len(wide) == 0 or not (sigma >= 0.125).any():
        return floats
    rows = on_device(wide, images.device)
    taps = gaussian_taps(sigma[:, 1], images.shape[2]), gaussian_taps(sigma[:, 0], images.shape[3])
    return floats.index_copy_(0, rows, filter_columns_first(floats.index_select(0, rows), *taps))
