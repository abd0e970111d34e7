"""Small dataset folders of colour images: patches, and raw fundus photographs whose discs lie anywhere."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from PIL import Image

from monai_mocoi.data import write_datalist
from tests.transforms.fundus_pictures import fundus

SHARES = {"training": 16, "validation": 6, "test": 6}  # patients of two images each


def _write(folder: Path, suffix: str, labels: tuple[str, str]) -> Path:
    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(5)
    splits: dict[str, list[dict[str, object]]] = {}
    numbers = itertools.count(1)
    for split, patients in SHARES.items():
        splits[split] = []
        for patient in itertools.islice(numbers, patients):
            for label in (0, 1):
                name = f"images/{patient}_{label}{suffix}"
                draw = _photograph if suffix == ".jpeg" else _patch
                picture = np.rint(draw(random, label) * 255).astype(np.uint8)
                Image.fromarray(picture.transpose(1, 2, 0)).save(folder / name)
                splits[split].append({"image": name, "label": label, "patient": str(patient)})
    write_datalist(folder, "colours", labels, splits, {"source": "test"})
    return folder


def _patch(random: np.random.Generator, label: int) -> np.ndarray:
    """(3, 50, 50): pink, with dark dots where the label is 1."""
    picture = np.array([0.8, 0.5, 0.7])[:, None, None] + random.normal(0, 0.05, (3, 50, 50))
    picture[:, random.random((50, 50)) < 0.02 + 0.2 * label] -= 0.4
    return picture.clip(0, 1)


def _photograph(random: np.random.Generator, label: int) -> np.ndarray:
    """(3, 80, 120): an off-centre disc, darker where the label is 1."""
    place = random.uniform(38, 42), random.uniform(50, 70), random.uniform(30, 36)
    return fundus(80, 120, *place, light=1 - 0.4 * label, seed=int(random.integers(1000)))


def patches(folder: Path) -> Path:
    """Histopathology, so to speak."""
    return _write(folder, ".png", ("benign", "malignant"))


def photographs(folder: Path) -> Path:
    """Fundus photographs as a camera gives them."""
    return _write(folder, ".jpeg", ("not referable", "referable"))
