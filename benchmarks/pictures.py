"""Random pictures in dataset folders: PNG of any size, and uncompressed DICOM of two megapixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.inhouse import COLUMNS, ROWS, write_file
from monai_mocoi.data import write_datalist

VALIDATION = 8
"""Images of the validation split, which a bundle wants to be there."""


def picture(size: int, channels: int, seed: int) -> np.ndarray:
    """A picture with structure at all scales, (rows, columns) or (rows, columns, 3), uint8."""
    random = np.random.default_rng(seed)
    total = np.zeros((size, size, channels), np.float32)
    for octave in range(1, 7):
        noise = random.random((2**octave, 2**octave, channels), np.float32)
        layers = [Image.fromarray(layer).resize((size, size), Image.Resampling.BILINEAR) for layer in noise.T]
        total += np.stack([np.asarray(layer) for layer in layers], axis=-1) / octave
    total += random.random((size, size, channels), np.float32) / 16
    low, high = total.min(), total.max()
    return ((total - low) / (high - low) * 255).astype(np.uint8).squeeze()


def png_dataset(folder: Path, images: int, size: int, channels: int, seed: int = 0) -> Path:
    """A dataset folder of so many training images without labels, each of its own patient."""
    folder.mkdir(parents=True)
    for number in range(images + VALIDATION):
        file = folder / f"{number:06d}.png"
        Image.fromarray(picture(size, channels, seed * 1_000_003 + number)).save(file, compress_level=1)
    return _listed(folder, "png", images)


def dicom_dataset(folder: Path, images: int, seed: int = 0) -> Path:
    """The same of grey DICOM files, 12 bits, uncompressed."""
    folder.mkdir(parents=True)
    for number in range(images + VALIDATION):
        shown = Image.fromarray(picture(512, 1, seed * 1_000_003 + number))
        write_file(folder / f"{number:06d}.dcm", shown, number, ROWS, COLUMNS, "none")
    return _listed(folder, "dcm", images)


def training_files(folder: Path) -> list[Path]:
    """The files of the training split of such a folder, in order."""
    files = sorted([*folder.glob("*.png"), *folder.glob("*.dcm")])
    return files[:-VALIDATION]


def _listed(folder: Path, suffix: str, images: int) -> Path:
    items = [{"image": f"{number:06d}.{suffix}", "patient": f"p{number:06d}"} for number in range(images + VALIDATION)]
    splits = {"training": items[:images], "validation": items[images:]}
    write_datalist(folder, "random pictures", [], splits, {"source": "benchmarks"})
    return folder
