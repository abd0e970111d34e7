"""Small dataset folders for the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(number: int, size: int = 24) -> np.ndarray:
    """A picture of blobs and noise that no other number gives; uint8 (size, size)."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 200, (6, 6), dtype=np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    return (np.asarray(coarse) // 2 + rng.integers(0, 60, (size, size))).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def dataset_folder(root: Path, training: int = 6, validation: int = 2, test: int = 3) -> Path:
    """A clean folder: images/000.png ..., one patient an image, two findings."""
    items = []
    for number in range(training + validation + test):
        save(root / f"images/{number:03d}.png", picture(number))
        label = [number % 2, int(number % 3 == 0)]
        items.append({"image": f"images/{number:03d}.png", "label": label, "patient": f"p{number:03d}"})
    write_list(
        root,
        training=items[:training],
        validation=items[training : training + validation],
        test=items[training + validation :],
    )
    return root


def write_list(root: Path, **changes: Any) -> None:
    """Write datalist.json with default keys, some of them changed."""
    document: dict[str, Any] = {"name": "tiny", "labels": {"0": "A", "1": "B"}}
    document |= {"training": [], "validation": [], "test": []} | changes
    (root / "datalist.json").write_text(json.dumps(document))


def read_list(root: Path) -> dict[str, Any]:
    return json.loads((root / "datalist.json").read_text())


def names(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [item["name"] for item in items]
