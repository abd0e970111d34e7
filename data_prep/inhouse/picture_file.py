"""One image, from its file to the dataset folder: a PNG of the wanted size, grey or in colour, or a reference to it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_prep.grey_png import write_grey_png
from data_prep.source import refused_if_unreadable
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.reader import read_image, to_channels


def read_picture(
    path: str, frame: int | None, channels: str, passed_over: set[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read a picture of an export.

    Args:
        path: of the file.
        frame: which, of several; None: there is one.
        channels: "1", "3" or "auto": grey where its channels are equal.
        passed_over: gets what the reader passes over.

    Returns:
        the picture as it is stored, and with the wanted channels: (1 or 3, rows, columns) float32, values 0..1.

    Raises:
        Refused: it cannot be read.
    """
    with refused_if_unreadable():
        picture = read_image(path, frame=frame, notes=passed_over)
    if channels == "3":
        return picture, to_channels(picture, 3)
    return picture, to_channels(picture, 1) if channels == "1" or _is_grey(picture) else picture


def _is_grey(picture: NDArray[np.float32]) -> bool:
    return len(picture) == 3 and bool((picture[0] == picture[1]).all() and (picture[1] == picture[2]).all())


def write_picture(picture: NDArray[np.float32], target: Path, size: int, bits: int) -> NDArray[np.float32]:
    """Make a picture smaller and write it as a PNG without any metadata; the file appears whole or not at all.

    Args:
        picture: (1 or 3, rows, columns) float32, values 0..1.
        target: the file to write.
        size: pixels of the shorter side; smaller pictures keep theirs.
        bits: of a grey pixel, 8 or 16; colour always has 8 a channel.

    Returns:
        what the reader makes of the file.

    Raises:
        OSError: ``target`` cannot be written.
    """
    if len(picture) == 1:
        return write_grey_png(picture, target, size, bits)
    channels = [Image.fromarray(channel) for channel in picture]
    shorter = min(channels[0].size)
    if shorter > size:
        width, height = (round(side * size / shorter) for side in channels[0].size)
        channels = [channel.resize((width, height), Image.Resampling.BILINEAR) for channel in channels]
    top = np.float32(255)
    levels = np.rint(np.clip(np.stack([np.asarray(channel) for channel in channels], -1), 0, 1) * top).astype(np.uint8)
    with atomic_path(target) as temporary:
        Image.fromarray(levels).save(temporary, compress_level=4)
    return np.ascontiguousarray(levels.transpose(2, 0, 1), np.float32) / top


def refer_to(original: str, target: Path) -> None:
    """Put a symbolic link to a file in the place of an image.

    Args:
        original: absolute path of the file.
        target: the link.

    Raises:
        OSError: ``target`` cannot be written, or the file system has no links.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        temporary.unlink(missing_ok=True)
        os.symlink(original, temporary)
