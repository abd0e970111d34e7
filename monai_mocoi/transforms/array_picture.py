"""Picture that somebody else read into an array: its axes, and its values 0..255."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.errors import ImageReadError

HAND_IN = "Hand in the file, or its picture of rows x columns with values 0..255"


def as_array(img: NDArray[Any] | torch.Tensor) -> NDArray[Any]:
    """A tensor or array as an array."""
    return np.asarray(img.detach().cpu()) if isinstance(img, torch.Tensor) else np.asarray(img)


def to_255(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values 0..1 to 0..255; whole numbers where they are an 8-bit value / 255 (float32 rounds to them exactly)."""
    return picture * np.float32(255)


def is_255_times(values: NDArray[Any], picture: NDArray[np.float32]) -> bool:
    """Compare row by row, so that no further picture of this size is made."""
    if values.shape != picture.shape:
        return False
    rows = (array.reshape(-1, array.shape[-1]) for array in (values, picture))
    return all(np.array_equal(there, to_255(here)) for there, here in zip(*rows, strict=True))


def channels_first(values: NDArray[Any]) -> NDArray[Any]:
    """Bring (rows, columns) or channels in the last place to (channels, rows, columns); an error where neither fits."""
    if values.ndim == 2:
        values = values[np.newaxis]
    if values.ndim == 3 and 0 not in values.shape:
        first, last = (values.shape[axis] in (1, 3) for axis in (0, 2))
        if first and last:
            raise ImageReadError(
                f"the array has the shape {values.shape}, of which nobody can tell whether the channels come first or "
                "last: hand in (rows, columns) of a grey picture, or a larger picture"
            )
        if first:
            return values
        if last:
            return np.moveaxis(values, 2, 0)
    raise ImageReadError(
        f"the array has the shape {values.shape}, but must be (rows, columns), (channels, rows, columns) or (rows, "
        "columns, channels) with 1 or 3 channels"
    )
