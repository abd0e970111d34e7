"""Small dataset folders of a study of one's own, whose labels no public data set has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi.data import write_datalist
from monai_mocoi.data.datalist_form import PRETRAINING
from tests.data.dataset_folders import picture, save
from tests.transforms.fundus_pictures import fundus

NAME = "Study of the clinic"
FINDINGS, CLASSES = ("Fracture", "Cast or plate"), ("none", "mild", "severe")
COUNTS = {"training": 16, "validation": 4, "test": 4}


def study(folder: Path, kind: str = "grey", labels: str = "multi", size: int = 40, **manifest: Any) -> Path:
    """A dataset folder; one patient an image.

    Args:
        folder: to make.
        kind: "grey", "colour" or "fundus".
        labels: "multi", "single", "none", or "partly": findings of which some are not known, 4 training images without
            a label, and 6 more for pretraining alone.
        size: of a side, pixels.
        manifest: what its manifest says beside ``source``.
    """
    splits: dict[str, list[dict[str, Any]]] = {}
    number = 0
    for split, count in (COUNTS | ({PRETRAINING: 6} if labels == "partly" else {})).items():
        splits[split] = []
        for _ in range(count):
            number += 1
            save(folder / f"images/{number:03d}.png", _pixels(kind, number, size))
            item: dict[str, Any] = {"image": f"images/{number:03d}.png", "patient": f"p{number:03d}"}
            if labels == "single":
                item["label"] = number % 3
            elif labels == "multi" or (labels == "partly" and split != PRETRAINING and number > 4):
                known = labels == "multi" or number % 4
                item["label"] = [number % 2, int(number % 3 == 0) if known else None]
            splits[split].append(item)
    names = {"multi": FINDINGS, "partly": FINDINGS, "single": CLASSES, "none": ()}[labels]
    write_datalist(folder, NAME, names, splits, {"source": "inhouse", **manifest})
    return folder


def _pixels(kind: str, number: int, size: int) -> np.ndarray:
    if kind == "fundus":
        drawn = fundus(2 * size, 3 * size, size, 1.5 * size, 0.8 * size, seed=number)
        return np.rint(drawn * 255).astype(np.uint8).transpose(1, 2, 0)
    grey = picture(number, size)
    return grey if kind == "grey" else np.stack([grey, grey // 2, 255 - grey], axis=2)


def change_manifest(folder: Path, **values: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
