"""A small study for tests, as its author writes it."""

from __future__ import annotations

from typing import Any

from monai_mocoi.study import Study, study_of

SMALL: dict[str, Any] = {
    "name": "small",
    "datasets": [{"id": "chest", "modality": "nih", "dataset_dir": "demo"}],
    "arms": ["random", "supervised", "moco", "mse", "baselines"],
    "fractions": [1.0, 0.06],
    "label_seeds": [1, 2],
    "pretrain_seeds": [1, 2],
    "primary": {"dataset": "chest", "fraction": 0.06, "arm": "mse", "against": "moco"},
}


def study(**changed: Any) -> Study:
    """The small study with other values at its top level."""
    return study_of(SMALL | changed)
