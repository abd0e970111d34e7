"""A tiny study on phantoms, whole: killed twice, the same command ends with the same tables."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.demo import generate_demo
from monai_mocoi.study import made_plan, placed, read_plan, study_of, write_plan
from tests.bundles.conftest import SMALL_BACKBONE

pytestmark = pytest.mark.slow  # two whole studies, five runs each

NETWORK = {"network_def#encoder#backbone": SMALL_BACKBONE, "device": "cpu", "precision": "float32"}
STUDY: dict[str, Any] = {
    "name": "tiny",
    "arms": ["random", "mse"],
    "fractions": [0.5],
    "label_seeds": [1],
    "analyses": [],
    "primary": {"dataset": "chest", "fraction": 0.5, "arm": "mse", "against": "random"},
    "settings": {
        "train": {**NETWORK, "image_size": 32, "batch_size": 8, "max_epochs": 3, "queue_size": 12, "head_hidden": 16},
        "finetune": {**NETWORK, "image_size": 32, "batch_size": 8, "max_epochs": 2},
        "evaluate": {**NETWORK, "min_positives": 2, "min_negatives": 2, "resamples": 50},
    },
    "resources": {"cores": 1},
}


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("studies")
    data = generate_demo(folder / "chest", patients=16, size=40, progress=False)

    def make(name: str) -> Path:
        datasets = [{"id": "chest", "modality": "nih", "dataset_dir": str(data)}]
        own = placed(study_of(STUDY | {"datasets": datasets, "output_dir": name}), folder)
        write_plan(own.output_dir, made_plan(own))
        return Path(own.output_dir)

    return make


def start(study: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "monai_mocoi", "study", "run", str(study)])


def kill_when(study: Path, pattern: str) -> None:
    driver = start(study)
    while not list(study.glob(pattern)):
        assert driver.poll() is None, f"the study ended before there was any {pattern}"
        time.sleep(0.02)
    driver.kill()
    driver.wait()


def tables(study: Path) -> dict[str, Any]:
    """All that a report reads, without times."""
    found: dict[str, Any] = {}
    for node in read_plan(study).nodes:
        for cell in node.cells:
            folder = study / cell.folder
            found[cell.folder] = json.loads((folder / "metrics.json").read_text())
            found[f"{cell.folder}.csv"] = list(csv.reader((folder / "predictions.csv").open()))
    return found


def test_killed_twice_it_ends_with_the_same_tables(make: Callable[[str], Path]) -> None:
    whole, killed = make("whole"), make("killed")
    assert start(whole).wait() == 0
    kill_when(killed, "runs/chest/mse-*/pretrain/manifest.json")
    kill_when(killed, "runs/chest/mse-*/finetune-*/manifest.json")
    assert start(killed).wait() == 0
    first, second = tables(whole), tables(killed)
    assert len(first) == 2 * (1 + 1 + 1)
    assert first == second
    assert not list(killed.rglob("*.tmp*"))
