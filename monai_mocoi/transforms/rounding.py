"""Rounding pictures to whole numbers of 8 or 16 bits: what the cache keeps, and what inference repeats."""

import math
from typing import Any

import numpy as np
import torch
from monai.transforms.transform import Transform
from monai.utils.enums import TransformBackends
from numpy.typing import NDArray

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.dict_forms import EachKeyd
from monai_mocoi.transforms.image_errors import check_not_constant, is_constant

DTYPES: dict[int, type[np.unsignedinteger[Any]]] = {8: np.uint8, 16: np.uint16}


def quantise(picture: torch.Tensor | NDArray[np.float32], bits: int) -> NDArray[np.unsignedinteger[Any]]:
    """Round a picture (C, H, W) of 0..1 to whole numbers, round(v * (2**bits - 1)), a half to the even neighbour.

    Up to 0.001 beyond 0..1 is cut off (the overshoot of a resampling filter). An 8-bit source that was only scaled by
    1/255 comes back exactly. ConstantImageError: it has several values (of a channel), of which rounding leaves one.
    """
    values = np.asarray(picture, dtype=np.float32)
    if values.ndim != 3 or values.size == 0:
        raise ImageReadError(f"the decoded picture has the shape {values.shape}; it must be (channels, rows, columns).")
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):  # min and max pass a NaN on
        raise ImageReadError("the decoded picture holds values that are not finite (NaN or infinity).")
    if not (low >= -0.001 and high <= 1.001):
        raise ImageReadError(f"the decoded picture has values from {low:.4g} to {high:.4g}; they must lie in 0 to 1.")
    limit = np.float32(2**bits - 1)
    rounded: NDArray[np.unsignedinteger[Any]] = np.rint(np.clip(values, 0, 1) * limit).astype(DTYPES[bits])
    if is_constant(rounded) and not is_constant(values):
        other = "keep 16 (cache_bits 16), " if bits < 16 else ""
        check_not_constant(
            rounded,
            f"its values, {low:.4g} to {high:.4g} of 0 to 1, are one grey level in {bits} bits; {other}train with "
            "another intensity (percentiles stretches each picture to its own range)",
        )
    return rounded


def dequantise(values: NDArray[np.unsignedinteger[Any]]) -> torch.Tensor:
    """Return (C, H, W) float32 in 0..1 from what :func:`quantise` gave: q / (2**bits - 1)."""
    limit = np.float32(np.iinfo(values.dtype).max)
    return torch.from_numpy(np.divide(values, limit, dtype=np.float32))


class RoundToBits(Transform):
    """Round a picture to the whole numbers of 8 or 16 ``bits`` that the cache of training keeps, and back.

    ValueError: other bits. ImageReadError: when called, another shape, or values that are not finite or not in 0..1.
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, bits: int = 8) -> None:
        if bits not in DTYPES:
            raise ValueError(f"bits is {bits!r}; a picture is rounded to 8 or 16 bits")
        self.bits = bits

    def __call__(self, img: torch.Tensor | NDArray[np.float32]) -> torch.Tensor:
        """Round one picture: (C, H, W), values 0..1, to a float32 tensor of the same shape."""
        return dequantise(quantise(img.cpu() if isinstance(img, torch.Tensor) else img, self.bits))


class RoundToBitsd(EachKeyd):
    """Dict form of :class:`RoundToBits`."""

    ARRAY = RoundToBits
