"""A run folder with a small classifier that was never trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from monai_mocoi.networks import Classifier, StageEncoder
from tests.networks.small import small_resnet

FINDINGS = ["Atelectasis", "Pleural Thickening"]


THRESHOLDS = {"Atelectasis": 0.5, "Pleural Thickening": 0.0}


def sidecar(kind: str = "multilabel", **other: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "labels": FINDINGS,
        "thresholds": THRESHOLDS if kind == "multilabel" else None,
        "stage": 4,
        "channels": 1,
        "image_size": 32,
        "decode_size": 36,
        "resize_mode": "crop",
        "mean": 0.5,
        "std": 0.25,
        "settings": {"cache_bits": 8, "demo": False},
        **other,
    }


def save(folder: Path, content: dict[str, Any], name: str = "classifier") -> Classifier:
    classifier = Classifier(StageEncoder(small_resnet()), len(content["labels"]), content["stage"], seed=3)
    with torch.no_grad():
        classifier.head.weight.mul_(20)  # far from 0.5, so that images differ
    folder.mkdir(parents=True)
    torch.save(classifier.state_dict(), folder / f"{name}.pt")
    (folder / f"{name}.json").write_text(json.dumps(content))
    return classifier.eval()
