"""A small imitation of the published files of EyePACS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.transforms.fundus_pictures import fundus

LEVELS = [0, 0, 2, 1, 4, 0, 3]


def eye_names(patients: int = 14) -> list[str]:
    return [f"{patient}_{side}" for patient in range(10, 10 + patients) for side in ("left", "right")]


def level(name: str) -> int:
    number = int(name.split("_")[0])
    return LEVELS[(number + name.endswith("right")) % len(LEVELS)]


def place(name: str) -> tuple[float, float, float]:
    """Row, column and radius of an eye's disc in its picture of 80 x 120."""
    random = np.random.default_rng(eye_names(60).index(name))
    return random.uniform(36, 44), random.uniform(50, 70), random.uniform(32, 48)


def save_eye(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(picture.transpose(1, 2, 0) * 255).astype(np.uint8)).save(path, quality=95)


def write_labels(path: Path, names: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["image,level", *(f"{name},{level(name)}" for name in names)]) + "\n")
    return path


def eyepacs_folder(root: Path, patients: int = 14) -> Path:
    """train/<id>_<side>.jpeg and trainLabels.csv."""
    for seed, name in enumerate(eye_names(patients)):
        save_eye(root / f"train/{name}.jpeg", fundus(80, 120, *place(name), seed=seed))
    write_labels(root / "trainLabels.csv", eye_names(patients))
    return root
