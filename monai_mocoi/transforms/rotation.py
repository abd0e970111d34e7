"""Rotation about the centre: batched function, and the random rotation that calls it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from monai_mocoi.transforms.dict_forms import SharedDrawd
from monai_mocoi.transforms.images import RandImage, check_batch, per_sample_on_host

_PADDING_MODES = ("zeros", "border", "reflection")


def rotate(images: torch.Tensor, degrees: torch.Tensor | float, padding_mode: str = "zeros") -> torch.Tensor:
    """Rotate each image about its centre, with bilinear interpolation, within its own frame.

    Args:
        images: batch of shape (N, C, H, W), floating point, any range of values.
        degrees: angle, counter-clockwise as Pillow's ``rotate``, shape (N,) or one number.
        padding_mode: what comes into the corners: ``"zeros"`` (black, as Pillow and torchvision), ``"border"`` (the
            edge pixels drawn out) or ``"reflection"``; another is a ValueError.
    """
    check_batch(images, "rotate")
    _check_padding(padding_mode, "rotate")
    samples, _, rows, columns = images.shape
    angle = np.deg2rad(per_sample_on_host(degrees, images, "rotation angle"))[:, None]
    sine, cosine = np.sin(angle), np.cos(angle)
    # Turned in pixels about the centre, then divided: -1..1 is another length along rows than along columns.
    x, y = np.arange(columns) - (columns - 1) / 2, np.arange(rows) - (rows - 1) / 2
    source = images.new_empty(samples, rows, columns, 2)
    _outer_sum(2 / columns * cosine * x, -2 / columns * sine * y, out=source[..., 0])
    _outer_sum(2 / rows * sine * x, 2 / rows * cosine * y, out=source[..., 1])
    return F.grid_sample(images, source, mode="bilinear", padding_mode=padding_mode, align_corners=False)


def _outer_sum(along_x: np.ndarray, along_y: np.ndarray, out: torch.Tensor) -> None:
    across = torch.from_numpy(along_x).to(out)[:, None, :]
    torch.add(across, torch.from_numpy(along_y).to(out)[:, :, None], out=out)


def _check_padding(padding_mode: str, name: str) -> None:
    if padding_mode not in _PADDING_MODES:
        raise ValueError(f"{name}: padding_mode must be one of {', '.join(_PADDING_MODES)}, got {padding_mode!r}")


class RandRotation(RandImage):
    """Rotate an image about its centre by a random angle, with a probability.

    Not MONAI's ``RandRotate``: it takes radians and is several times slower (docs/views.md).

    Args:
        degrees: d >= 0 draws an angle from -d to d; a pair (low, high) draws from low to high.
        prob: see :class:`~monai_mocoi.transforms.images.RandImage`.
        padding_mode: see :func:`rotate`; ``"zeros"`` is the paper's.
    """

    def __init__(self, degrees: float | Sequence[float], prob: float = 0.1, padding_mode: str = "zeros") -> None:
        pair = (-degrees, degrees) if isinstance(degrees, (int, float)) else tuple(degrees)
        if len(pair) != 2 or not -math.inf < pair[0] <= pair[1] < math.inf:
            raise ValueError(f"RandRotation: degrees must be one number >= 0 or (low, high), got {degrees}")
        _check_padding(padding_mode, "RandRotation")
        super().__init__(prob)
        self.degrees = pair
        self.padding_mode = padding_mode
        self._angle = 0.0

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act, and the angle."""
        super().randomize(None)
        if self._do_transform:
            self._angle = self.between(self.degrees[0], self.degrees[1])

    def drawn(self) -> tuple[float, ...]:
        """The angle in degrees."""
        return (self._angle,)

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """Rotate each image by its angle."""
        return rotate(images, torch.from_numpy(drawn[:, 0]), self.padding_mode)


class RandRotationd(SharedDrawd):
    """Dict form of :class:`RandRotation`: one draw for all keys."""

    ARRAY = RandRotation
