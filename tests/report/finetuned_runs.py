"""A bundle with a small network, and run folders as ``finetune.json`` and ``evaluate.json`` leave them."""

from __future__ import annotations

import json
import shutil
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from monai_mocoi.analysis import evaluate_predictions
from monai_mocoi.data import Predictions
from monai_mocoi.networks import Classifier, StageEncoder
from tests.bundles.conftest import BUNDLES, SMALL_BACKBONE
from tests.networks.small import small_resnet

FINDINGS = ("Effusion", "Mass", "Pleural Thickening")
# What must not be found in a package, wherever it stands in a run folder.
SECRETS = ("secret-host", "drsmith", "img-4711", "patient-0815", "Tesla V100", "/data/clinic")


def make_bundle(folder: Path, name: str = "nih_mse") -> Path:
    """A copy of a bundle whose inference.json builds the small network."""
    bundle = shutil.copytree(BUNDLES / name, folder / name)
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    config["network_def"]["encoder"]["backbone"] = SMALL_BACKBONE
    path.write_text(json.dumps(config))
    return bundle


def make_run(folder: Path, kind: str = "multilabel", evaluated: bool = True, **sidecar: Any) -> Path:
    """A finished run; ``sidecar`` changes what its classifier.json says."""
    folder.mkdir(parents=True)
    content = {**_sidecar(kind), **sidecar}
    classifier = Classifier(StageEncoder(small_resnet()), len(content["labels"]), content["stage"], seed=3)
    torch.save(classifier.state_dict(), folder / "classifier.pt")
    write(folder / "classifier.json", content)
    write(folder / "labelled.json", _labelled(content["labels"], content["dataset_sha256"]))
    write(folder / "manifest.json", MANIFEST)
    (folder / "validation_predictions.csv").write_text("image,patient\nimg-4711,patient-0815\n")
    if evaluated:
        write(folder / "evaluation-test" / "metrics.json", _metrics(content))
    return folder


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


def change(path: Path, **values: Any) -> None:
    write(path, {**json.loads(path.read_text()), **values})


def _sidecar(kind: str) -> dict[str, Any]:
    return {
        "format": 1,
        "kind": kind,
        "labels": list(FINDINGS),
        "stage": 4,
        "trainable": "all",
        "thresholds": {"Effusion": 0.25, "Mass": 0.5, "Pleural Thickening": 0.75} if kind == "multilabel" else None,
        "thresholds_without_choice": ["Mass"] if kind == "multilabel" else [],
        "selected": {"rule": "metric", "epoch": 7, "metric": "validation macro_auc", "value": 0.8125},
        "validation": {"validation/loss": 0.5},
        "epochs": 9,
        "iterations": 90,
        "method": "mse",
        "architecture": "resnet50",
        "modality": "chest",
        "image_size": 32,
        "decode_size": 36,
        "resize_mode": "crop",
        "channels": 1,
        "value_range": [0, 1],
        "mean": 0.5,
        "std": 0.25,
        "dataset": "Chest films\n2024",
        "dataset_sha256": "d" * 64,
        "label_fraction": 0.06,
        "label_seed": 1,
        "validation_labels": "same",
        "pretrained": "drsmith.pt",
        "pretrained_sha256": "e" * 64,
        "start": {"kind": "pretraining"},
        "host": "secret-host",
        "settings": {
            "bundle": "nih_mse",
            "modality": "chest",
            "demo": False,
            "seed": 1,
            "device": "Tesla V100",
            "num_workers": 8,
            "cache_bits": 16,
            "learning_rate": 0.0003,
            "crop_area": [0.8, 1.0],
            "my_folder": "/data/clinic/drsmith",
        },
    }


def _labelled(labels: list[str], sha256: str) -> dict[str, Any]:
    positives = dict(zip(labels, cycle((5, 4, 0))))
    return {
        "label_fraction": 0.06,
        "ids": "drawn",
        "dataset_sha256": sha256,
        "counts": {
            "training": {"images": 12, "of": 200, "patients": 6, "positives": positives},
            "validation": {"images": 31, "of": 500, "patients": 16, "positives": positives},
        },
        "selection": "metric",
        "selection_reason": "validation has 31 labelled image(s): by the metric.",
        "warnings": ["training: no positive one among the 12 labelled image(s) of 1 of 3 classes."],
        "training": ["img-4711"],
        "validation": ["img-4711"],
    }


def _metrics(sidecar: dict[str, Any]) -> dict[str, Any]:
    drawn = np.random.default_rng(0)
    labels = drawn.integers(0, 2, (60, 3)) if sidecar["kind"] == "multilabel" else drawn.integers(0, 3, 60)
    if sidecar["kind"] == "multilabel":
        labels[:, 1] = [1] + [0] * 59  # too few positives to be scored
    probabilities = drawn.dirichlet((1, 1, 1), 60)
    predictions = Predictions(
        images=tuple(f"img-4711-{i}" for i in range(60)),
        patients=tuple(f"patient-0815-{i // 2}" for i in range(60)),
        labels=labels,
        probabilities=probabilities,
        classes=tuple(sidecar["labels"]),
        kind=sidecar["kind"],
    )
    report = evaluate_predictions(predictions, sidecar["thresholds"], resamples=60, min_positives=5, min_negatives=5)
    return {
        "format": 1,
        "split": "test",
        "dataset_sha256": sidecar["dataset_sha256"],
        "tested": {name: sidecar[name] for name in ("method", "selected", "stage", "pretrained", "epochs")},
        "skipped_images": [{"image": "img-4711", "reason": "/data/clinic/img-4711 is damaged"}],
        **report,
    }


MANIFEST = {
    "status": "finished",
    "ended": "2026-11-23T13:22:58+00:00",
    "device": "Tesla V100",
    "host": "secret-host",
    "commit": "abc123",
    "python": "3.11.7",
    "versions": {"monai-mocoi": "0.1.0", "torch": "2.9.1+cu128", "monai": "1.6.1", "numpy": "2.1.0", "pydicom": None},
}
