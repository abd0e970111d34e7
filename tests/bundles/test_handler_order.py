"""The handlers of a bundle may be in any order: they attach to named events of the run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigWorkflow

from tests.bundles.conftest import BUNDLES, SMALL, SMALL_BACKBONE
from tests.support.whole_runs import assert_same, events, products

PRETRAINING = {
    **SMALL,
    "val_interval": 1, "probe_every": 1, "check_every": 2, "watch_every": 1, "checkpoint_every": 2,
    "on_collapse": "warn",
}  # fmt: skip
FINETUNING = {
    "device": "cpu", "image_size": 32, "batch_size": 8, "max_epochs": 3, "pretrained": "none", "label_fraction": 1.0,
    "plot_every": 1, "checkpoint_every": 2, "network_def#encoder#backbone": SMALL_BACKBONE,
}  # fmt: skip


def reversed_order(config: str) -> dict[str, str]:
    """Overrides that turn a config's lists of handlers around."""
    trainer = json.loads((BUNDLES / "nih_mse" / "configs" / config).read_text())["train"]["trainer"]
    found = {name: trainer[name] for name in ("train_handlers", "gradient_handlers") if name in trainer}
    assert all(len(handlers) > len("$[@run_folder]") for handlers in found.values())
    return {f"train#trainer#{name}": f"$list(reversed({handlers[1:]}))" for name, handlers in found.items()}


def run(config: str, folder: Path, **settings: Any) -> None:
    folder.mkdir()
    os.chdir(folder)
    file = str(BUNDLES / "nih_mse" / "configs" / config)
    built = ConfigWorkflow(config_file=file, workflow_type="train", logging_file=False, **settings)
    built.initialize()
    built.run()
    built.finalize()


@pytest.mark.slow
def test_pretraining(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = []
    for name, order in (("given", {}), ("reversed", reversed_order("train.json"))):
        run("train.json", tmp_path / name, dataset_dir=str(dataset), **PRETRAINING, **order)
        found.append(products(tmp_path / name / "runs/nih_mse/pretrain"))
    assert_same(*found)


@pytest.mark.slow
def test_fine_tuning(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = []
    for name, order in (("given", {}), ("reversed", reversed_order("finetune.json"))):
        run("finetune.json", tmp_path / name, dataset_dir=str(dataset), **FINETUNING, **order)
        folder = tmp_path / name / "runs/nih_mse/finetune-scratch-all-s4-f1-l1"
        assert json.loads((folder / "manifest.json").read_text())["status"] == "finished"
        assert not list((folder / "checkpoints").iterdir())
        card = json.loads((folder / "classifier.json").read_text())
        weights = torch.load(folder / "classifier.pt", weights_only=True)
        predictions = (folder / "validation_predictions.csv").read_bytes()
        found.append({"card": card, "weights": weights, "predictions": predictions, "events": events(folder)})
    assert_same(*found)
