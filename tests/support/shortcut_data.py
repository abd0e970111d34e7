"""Pictures whose colour tells their label, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZES = {"training": 80, "validation": 40, "test": 60}


def folder_of(folder: Path, grey: bool = False, multiclass: bool = True, **columns: Any) -> Path:
    """Red pictures are mostly of class 1, and nothing else tells anything; two images a patient.

    Args:
        columns: functions of the label and a generator.
    """
    generator = np.random.default_rng(0)
    document: dict[str, Any] = {"name": "made", "labels": {"0": "no", "1": "yes"}}
    (folder / "images").mkdir(parents=True)
    number = 0
    for split, count in SIZES.items():
        document[split] = []
        for row in range(count):
            label = row // 2 % 2
            pixels = generator.integers(0, 256, (20, 24, 3)).astype(np.float64)
            pixels[..., 0] *= 0.5 if generator.random() < (0.1 if label else 0.9) else 1.0
            if grey:
                pixels = pixels[..., :1].repeat(3, axis=2)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"{number}.png")
            item = {
                "image": f"images/{number}.png",
                "label": label if multiclass else [label, int(generator.random() < 0.5)],
                "patient": f"{split}{row // 2}",
            }
            document[split].append(item | {name: make(label, generator) for name, make in columns.items()})
            number += 1
    (folder / "datalist.json").write_text(json.dumps(document))
    return folder
