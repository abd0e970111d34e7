"""A small imitation of the published files of NIH ChestX-ray14."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.dataset_folders import picture, save

HEADER_2017 = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
HEADER_2020 = HEADER_2017.rstrip(",")
FINDINGS = ["No Finding", "Effusion", "Mass|Hernia", "No Finding", "Pleural_Thickening"]


def image_names(patients: int = 20) -> list[str]:
    """Two images of each odd patient, one of each even one."""
    return [f"{patient:08d}_{k:03d}.png" for patient in range(1, patients + 1) for k in range(1 + patient % 2)]


def row(name: str, findings: str, tail: str = "") -> str:
    return f"{name},{findings},0,{int(name[:8])},057Y,M,PA,2682,2749,0.143,0.143{tail}"


def write_metadata(path: Path, names: list[str], header: str = HEADER_2020, ending: str = "\n") -> Path:
    tail = "," if header.endswith(",") else ""
    lines = [header] + [row(name, FINDINGS[int(name[:8]) % 5], tail) for name in names]
    text = ending.join(lines) + ending
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, newline="")
    return path


def nih_folder(root: Path, patients: int = 20, size: int = 48) -> Path:
    """images_001/images, images_002/images with strays among them, and Data_Entry_2017_v2020.csv."""
    names = image_names(patients)
    for number, name in enumerate(names):
        pixels = picture(1000 + number, size)
        if number % 10 == 3:
            pixels = np.dstack([pixels] * 3 + [np.full_like(pixels, 255)])  # the RGBA strays
        elif number % 10 == 4:
            pixels = np.dstack([pixels] * 3)
        elif number % 10 == 5:
            pixels = pixels.astype(np.uint16) * 257
        elif number % 10 == 6:
            pixels = pixels[:, : size - 8]
        save(root / f"images_{1 + number % 2:03d}/images/{name}", pixels)
    write_metadata(root / "Data_Entry_2017_v2020.csv", names)
    return root


def write_lists(root: Path, test_patients: range) -> None:
    """train_val_list.txt and test_list.txt beside the metadata."""
    with open(root / "Data_Entry_2017_v2020.csv", newline="") as file:
        names = [line["Image Index"] for line in csv.DictReader(file)]
    test = [name for name in names if int(name[:8]) in test_patients]
    (root / "test_list.txt").write_text("\n".join(test))
    (root / "train_val_list.txt").write_text("\n".join(name for name in names if name not in test) + "\n")


def grey(path: Path) -> np.ndarray:
    image = Image.open(path)
    assert image.mode == "L"
    return np.asarray(image)
