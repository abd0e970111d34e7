"""Kinds of steps that need the runs of others, inside a study: reuse, ks, baselines, and both external tests."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from monai_mocoi.cli.app import app
from monai_mocoi.cli.planned_settings import planned_settings
from monai_mocoi.demo import generate_demo
from monai_mocoi.study import Node, StudyPlan, read_plan, run_one
from monai_mocoi.study_report.found_runs import find_runs
from monai_mocoi.study_report.used_runs import keep_used
from tests.bundles.conftest import SMALL_BACKBONE
from tests.support.forked_commands import fork_commands
from tests.support.processes import start

pytestmark = pytest.mark.slow  # ten steps

OF_ALL: dict[str, Any] = {"device": "cpu", "precision": "float32"}
OF_TRAINING = {**OF_ALL, "network_def#encoder#backbone": SMALL_BACKBONE, "image_size": 32, "batch_size": 8}
INTERVALS = {"min_positives": 2, "min_negatives": 2, "resamples": 50}
SETTINGS: dict[str, Any] = {
    "train": {**OF_TRAINING, "max_epochs": 1, "queue_size": 12, "head_hidden": 16},
    "finetune": {**OF_TRAINING, "max_epochs": 1},
    "evaluate": {**OF_ALL, "network_def#encoder#backbone": SMALL_BACKBONE, **INTERVALS},
    "analyze": {**OF_ALL, "network_def#backbone": SMALL_BACKBONE, "image_size": 32, "batch_size": 8, **INTERVALS},
}
DATA = {"id": "chest", "modality": "nih", "dataset_dir": "own", "external_dir": "other"}
COMMON: dict[str, Any] = {"datasets": [DATA], "label_seeds": [1], "settings": SETTINGS, "resources": {"cores": 1}}


def ran(folder: Path, name: str, run: set[str], **content: Any) -> tuple[Path, StudyPlan]:
    """Plan a study as its author does, and run all steps of these arms; they end well."""
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(COMMON | {"name": name, "output_dir": name} | content))
    planned = CliRunner().invoke(app, ["study", "plan", str(file)])
    assert planned.exit_code == 0, planned.output
    plan = read_plan(folder / name)
    for node in plan.nodes:
        if node.arm in run:
            result = run_one(folder / name, node.id)
            assert (result.failed, result.exit_code) == ({}, 0)
            check_products(folder / name, node)
    return folder / name, plan


def check_products(study: Path, node: Node) -> None:
    """What a report reads is there, and of the labels that the plan says."""
    products = {"reuse": "feature_reuse", "ks": "output_distance"}
    if node.kind in products:
        content = json.loads((study / node.run_dir / "analysis.json").read_text())
        assert content[products[node.kind]]
        assert not content.get(products["ks" if node.kind == "reuse" else "reuse"])
    if node.kind == "baselines":
        assert json.loads((study / node.run_dir / "baselines.json").read_text())["baselines"].keys() >= {"shuffled"}
    for cell in node.cells:
        metrics = json.loads((study / cell.folder / "metrics.json").read_text())
        assert (study / cell.folder / "predictions.csv").is_file()
        assert ("external" in metrics) == (node.kind == "external")
        tested = metrics["tested"]
        assert (tested["label_fraction"], tested["label_seed"]) == (cell.fraction, cell.label_seed)


def check_without_markers(study: Path, tests: int) -> None:
    """As if the commands had been run by hand: what they record is as planned."""
    shutil.rmtree(study / "done")
    found = find_runs(study)
    keep_used(found, planned_settings)
    assert (found.problems, found.by_hand) == ([], tests)


def run_all(rank: int, folder: Path) -> None:
    fork_commands()
    arms, fractions = ["random", "mse", "baselines"], [1.0, 0.5]
    primary = {"dataset": "chest", "fraction": 0.5, "arm": "mse", "against": "random"}
    ours = {"mse", "baselines"}
    study, plan = ran(folder, "first", ours, arms=arms, analyses=["reuse", "ks"], fractions=fractions, primary=primary)
    kinds = Counter(node.kind for node in plan.nodes if node.arm in ours)
    assert kinds == {"pretrain": 1, "linear": 1, "external": 1, "finetune": 2, "reuse": 1, "ks": 1, "baselines": 1}

    encoder = study / "runs/chest/mse-resnet50-s1/pretrain/encoder.pt"
    given = {"id": "given", "kind": "weights", "weights": str(encoder)}
    primary |= {"evaluation": "finetune", "arm": "given", "against": "supervised"}
    changed = {"arms": ["supervised", given], "evaluations": ["finetune"], "analyses": [], "fractions": [0.5]}
    second, plan = ran(folder, "second", {"given"}, primary=primary, **changed)
    assert Counter(node.kind for node in plan.nodes) == {"finetune": 2, "external": 2}
    check_without_markers(study, 6)
    check_without_markers(second, 2)


def test_reuse_ks_baselines_and_external(tmp_path: Path) -> None:
    generate_demo(tmp_path / "own", patients=16, size=40, progress=False)
    generate_demo(tmp_path / "other", patients=17, size=40, progress=False)
    start(run_all, 1, tmp_path)
