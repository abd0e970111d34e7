"""Write a picture as a PNG of a wanted size, grey or in colour, or put a reference to its file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_mocoi.files.atomic_write import atomic_path


def write_png(picture: NDArray[np.float32], target: str | Path, size: int, bits: int = 8) -> NDArray[np.float32]:
    """Make a picture smaller and write it as a PNG without metadata; the file appears whole or not at all.

    The picture, (1 or 3, rows, columns) in 0..1, is reduced so that its shorter side has ``size`` pixels, by Pillow's
    bilinear filter with antialiasing (the filter of the paper's code), in floating point and rounded once. A smaller
    picture keeps its size: enlarging adds no information and takes disk. Grey has 8 or 16 ``bits``, colour always 8 a
    channel. Returned is what the reader makes of the file.
    """
    channels = [Image.fromarray(channel) for channel in picture]
    shorter = min(channels[0].size)
    if shorter > size:
        width, height = (round(side * size / shorter) for side in channels[0].size)
        channels = [channel.resize((width, height), Image.Resampling.BILINEAR) for channel in channels]
    bits = bits if len(channels) == 1 else 8
    top = np.float32(2**bits - 1)
    values = np.asarray(channels[0]) if len(channels) == 1 else np.stack([np.asarray(own) for own in channels], -1)
    levels = np.rint(np.clip(values, 0, 1) * top).astype(f"u{bits // 8}")
    save_png(levels, target)
    written: NDArray[np.float32] = np.ascontiguousarray(np.atleast_3d(levels).transpose(2, 0, 1), np.float32) / top
    return written


def save_png(levels: NDArray[np.unsignedinteger], target: str | Path) -> None:
    """Write (rows, columns) or (rows, columns, 3) as a PNG; the file appears whole or not at all."""
    with atomic_path(target) as temporary:
        # Level 4 gives the size of Pillow's 6 in a third of the time (docs/data.md).
        Image.fromarray(levels).save(temporary, compress_level=4)


def refer_to(original: str, target: Path) -> None:
    """Put a symbolic link to an original, an absolute path, in the place of an image."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        temporary.unlink(missing_ok=True)
        os.symlink(original, temporary)
