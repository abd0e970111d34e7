"""A picture on its way: notes and histogram of what was read, and the PNG, or the reference, that is written."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_prep.record import Note
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.grey_levels import is_flattened
from monai_mocoi.transforms.image_errors import WINDOW_IGNORED
from monai_mocoi.transforms.reader import to_channels

# Bits of the number that the record keeps; the lower ones are the preparation's own.
FLATTENED, IGNORED_WINDOW = 1 << 8, 1 << 9
BINS = 64

Histogram = NDArray[np.float32]


def picture_note(picture: NDArray[np.float32], notes: Collection[str] = ()) -> int:
    """Return the bits that hold of a picture, (C, rows, columns) in 0..1; ``notes`` is what the reader passed over."""
    return FLATTENED * is_flattened(picture) + IGNORED_WINDOW * (WINDOW_IGNORED in notes)


def bits_of(note: Note) -> int:
    """Return the number in a note; a dictionary has it as ``bits``, if at all."""
    return note if isinstance(note, int) else int(note.get("bits", 0))


def names_with(bit: int, notes: Mapping[str, Note]) -> list[str]:
    """Return the sorted names of the pictures whose note has a bit."""
    return sorted(name for name, note in notes.items() if bits_of(note) & bit)


def noted(notes: Mapping[str, Note]) -> dict[str, Any]:
    """Return the part of a manifest: the names of the pictures concerned, sorted."""
    return {"few_grey_levels": names_with(FLATTENED, notes), "window_ignored": names_with(IGNORED_WINDOW, notes)}


def histogram(picture: NDArray[np.float32]) -> Histogram:
    """Return the share of pixels in 64 equal steps from 0 (black) to 1 (white), colours as grey: (64,), sum 1."""
    steps = np.minimum(to_channels(picture, 1).ravel() * BINS, BINS - 1).astype(np.uint8)
    counts = np.bincount(steps, minlength=BINS)
    shares: Histogram = (counts / counts.sum()).astype(np.float32)
    return shares


def write_png(picture: NDArray[np.float32], target: str | Path, size: int, bits: int = 8) -> NDArray[np.float32]:
    """Write a picture, (1 or 3, rows, columns) in 0..1, as a PNG without metadata; return what the reader makes of it.

    It is reduced so that its shorter side has ``size`` pixels, by Pillow's bilinear filter with antialiasing (the
    filter of the paper's code), in floating point and rounded once. A smaller picture keeps its size: enlarging adds no
    information and takes disk. Grey has 8 or 16 ``bits``, colour always 8 a channel.
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
    return save_png(levels, target)


def save_png(levels: NDArray[np.unsignedinteger], target: str | Path) -> NDArray[np.float32]:
    """Write a PNG, which appears whole or not at all; return what the reader makes of it."""
    with atomic_path(target) as temporary:
        # Level 4 gives the size of Pillow's 6 in a third of the time (docs/data.md).
        Image.fromarray(levels).save(temporary, compress_level=4)
    return as_read(levels)


def as_read(levels: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
    """Return what the reader makes of levels, (rows, columns) or (rows, columns, 3): (1 or 3, rows, columns), 0..1."""
    channels = np.ascontiguousarray(np.atleast_3d(levels).transpose(2, 0, 1), np.float32)
    return channels / np.float32(np.iinfo(levels.dtype).max)


def refer_to(original: str, target: Path) -> None:
    """Put a symbolic link to an original, an absolute path, in the place of an image."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        temporary.unlink(missing_ok=True)
        os.symlink(original, temporary)
