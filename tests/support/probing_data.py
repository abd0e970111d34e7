"""Images with features that tell their labels well or hardly, and a probing of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi.analysis import probe_stages, probing_draws
from monai_mocoi.data import Datalist

COUNTS = {"training": 160, "validation": 80, "test": 90}


WIDTHS = {1: 3, 2: 5, 3: 8, 4: 6}


FEW = {"resamples": 79, "min_positives": 5, "min_negatives": 5}


PENALTIES = [10.0, 0.1, 0.001]


def datalist(kind: str = "multilabel", per_patient: int = 2, folder: Path | None = None) -> Datalist:
    """Images of patients with two each; of findings A and B, or of classes A to C."""
    rng = np.random.default_rng(5)
    splits: dict[str, list[dict[str, Any]]] = {}
    first = 0
    for split, count in COUNTS.items():
        labels = rng.integers(0, 2, (count, 2)) if kind == "multilabel" else np.arange(count) // 2 % 3
        items = []
        for row in range(count):
            number = first + row
            path = Path(folder or "") / f"{number:03d}"
            if folder:
                path.touch()
            patient = f"{split}{row // per_patient:03d}"
            label = labels[row].tolist()
            items.append({"image": str(path), "name": f"images/{number:03d}.png", "patient": patient, "label": label})
        splits[split], first = items, first + count
    names = ("A", "B") if kind == "multilabel" else ("A", "B", "C")
    return Datalist("made up", names, Path(folder or ""), sha256="0" * 64, **splits)


def made_features(data: Datalist, noise: float = 3.0) -> dict[str, dict[int, np.ndarray]]:
    """Stage 2 tells the labels best, stage 4 hardly."""
    features: dict[str, dict[int, np.ndarray]] = {}
    for number, (split, items) in enumerate(data.splits().items()):
        rng = np.random.default_rng(number)
        labels = np.array([item["label"] for item in items])
        truth = labels if labels.ndim == 2 else np.eye(len(data.labels))[labels]
        features[split] = {}
        for stage, width in WIDTHS.items():
            values = rng.standard_normal((len(items), width)) * noise
            values[:, : truth.shape[1]] += truth * {1: 3, 2: 6, 3: 4, 4: 1}[stage]
            features[split][stage] = values.astype(np.float32)
    return features


def probed(data: Datalist, features: Any = None, fractions=(0.4, 1.0), seeds=(1, 2), **options: Any) -> dict[str, Any]:
    features = made_features(data) if features is None else features
    draws = probing_draws(data, fractions, seeds)
    return probe_stages(features, data, draws, **{"penalties": PENALTIES, "progress": False, **FEW, **options})
