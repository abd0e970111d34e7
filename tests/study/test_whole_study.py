"""A tiny study on phantoms, whole: killed twice, the same command ends with the same tables."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.cli.planned_settings import planned_settings
from monai_mocoi.demo import generate_demo
from monai_mocoi.study import made_plan, placed, read_plan, run_study, study_of, write_plan
from monai_mocoi.study_report.found_runs import find_runs
from monai_mocoi.study_report.used_runs import keep_used
from tests.bundles.conftest import SMALL_BACKBONE
from tests.support.forked_commands import ended, fork, fork_commands, is_running
from tests.support.processes import start

pytestmark = pytest.mark.slow  # two whole studies, five commands each

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


def planned(folder: Path, name: str) -> Path:
    datasets = [{"id": "chest", "modality": "nih", "dataset_dir": "chest"}]
    own = placed(study_of(STUDY | {"datasets": datasets, "output_dir": name}), folder)
    write_plan(own.output_dir, made_plan(own))
    return Path(own.output_dir)


def driver(study: Path) -> int:
    """A process that runs the study."""
    return fork(lambda: run_study(study).exit_code)


def kill_when(study: Path, pattern: str) -> None:
    """Start a driver, and kill it as soon as there is such a file; the step that ran then is not done."""
    began = set(study.glob("done/*"))
    pid = driver(study)
    while not list(study.glob(pattern)):
        assert is_running(pid), f"the study ended before there was any {pattern}"
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    assert ended(pid) == -signal.SIGKILL
    step = Path(pattern).parent.name.rstrip("-*")
    assert not [own for own in set(study.glob("done/*")) - began if step in own.name]


def tables(study: Path) -> dict[str, Any]:
    """All that a report reads, without times."""
    found: dict[str, Any] = {}
    for node in read_plan(study).nodes:
        for cell in node.cells:
            folder = study / cell.folder
            found[cell.folder] = json.loads((folder / "metrics.json").read_text())
            found[f"{cell.folder}.csv"] = list(csv.reader((folder / "predictions.csv").open()))
    return found


def compare(rank: int, folder: Path) -> None:
    fork_commands()
    whole, killed = planned(folder, "whole"), planned(folder, "killed")
    assert ended(driver(whole)) == 0
    kill_when(killed, "runs/chest/mse-*/pretrain/manifest.json")
    kill_when(killed, "runs/chest/mse-*/finetune-*/manifest.json")
    assert ended(driver(killed)) == 0
    first, second = tables(whole), tables(killed)
    assert len(first) == 2 * (1 + 1 + 1)
    assert first == second
    assert not list(killed.rglob("*.tmp*"))
    shutil.rmtree(killed / "done")  # as if the commands had been run by hand
    found = find_runs(killed)
    keep_used(found, planned_settings)
    assert (found.problems, found.by_hand) == ([], 3)


def test_killed_twice_it_ends_with_the_same_tables(tmp_path: Path) -> None:
    generate_demo(tmp_path / "chest", patients=16, size=40, progress=False)
    start(compare, 1, tmp_path)
