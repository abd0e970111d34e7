"""Kinds of steps that depend on other arms' runs, inside a study: reuse, ks, baselines, and both external tests."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from monai_mocoi.cli.app import app
from monai_mocoi.demo import generate_demo
from monai_mocoi.study import StudyPlan, read_plan, run_study
from tests.bundles.conftest import SMALL_BACKBONE

pytestmark = pytest.mark.slow  # two whole studies, seconds a step

OF_ALL: dict[str, Any] = {"device": "cpu", "precision": "float32"}
OF_TRAINING = {**OF_ALL, "network_def#encoder#backbone": SMALL_BACKBONE, "image_size": 32, "batch_size": 8}
INTERVALS = {"min_positives": 2, "min_negatives": 2, "resamples": 50}
SETTINGS: dict[str, Any] = {
    "train": {**OF_TRAINING, "max_epochs": 1, "queue_size": 12, "head_hidden": 16},
    "finetune": {**OF_TRAINING, "max_epochs": 1},
    "evaluate": {**OF_ALL, "network_def#encoder#backbone": SMALL_BACKBONE, **INTERVALS},
    "analyze": {**OF_ALL, "network_def#backbone": SMALL_BACKBONE, "image_size": 32, "batch_size": 8, **INTERVALS},
}
COMMON: dict[str, Any] = {"label_seeds": [1], "settings": SETTINGS, "resources": {"cores": 1}}


def ran(folder: Path, name: str, **content: Any) -> tuple[Path, StudyPlan]:
    """Plan and run a study as its author does; all of its steps end well."""
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(COMMON | {"name": name, "output_dir": name} | content))
    planned = CliRunner().invoke(app, ["study", "plan", str(file)])
    assert planned.exit_code == 0, planned.output
    result = run_study(folder / name)
    assert (result.failed, result.skipped, result.exit_code) == ({}, {}, 0)
    return folder / name, read_plan(folder / name)


def test_reuse_ks_baselines_and_external(tmp_path: Path) -> None:
    own = generate_demo(tmp_path / "own", patients=16, size=40, progress=False)
    other = generate_demo(tmp_path / "other", patients=17, size=40, progress=False)
    datasets = [{"id": "chest", "modality": "nih", "dataset_dir": str(own), "external_dir": str(other)}]
    study, plan = ran(
        tmp_path,
        "first",
        datasets=datasets,
        arms=["random", "mse", "baselines"],
        analyses=["reuse", "ks"],
        fractions=[1.0, 0.5],
        primary={"dataset": "chest", "fraction": 0.5, "arm": "mse", "against": "random"},
    )
    kinds = Counter(node.kind for node in plan.nodes)
    assert kinds == {"pretrain": 1, "linear": 2, "external": 2, "finetune": 2, "reuse": 1, "ks": 1, "baselines": 1}
    _check_products(study, plan)
    encoder = study / "runs/chest/mse-resnet50-s1/pretrain/encoder.pt"
    given = {"id": "given", "kind": "weights", "weights": str(encoder)}
    study, plan = ran(
        tmp_path,
        "second",
        datasets=datasets,
        arms=["supervised", given],
        evaluations=["finetune"],
        analyses=[],
        fractions=[0.5],
        primary={
            "dataset": "chest",
            "evaluation": "finetune",
            "fraction": 0.5,
            "arm": "given",
            "against": "supervised",
        },
    )
    assert Counter(node.kind for node in plan.nodes) == {"finetune": 2, "external": 2}
    _check_products(study, plan)


def _check_products(study: Path, plan: StudyPlan) -> None:
    """What a report reads is there, and of the data set and labels that the plan says."""
    for node in plan.nodes:
        names = {"reuse": "analysis.json", "ks": "analysis.json", "baselines": "baselines.json"}
        if node.kind in names:
            content = json.loads((study / node.run_dir / names[node.kind]).read_text())
            assert node.kind == "baselines" or content.get(node.kind), content.keys()
        for cell in node.cells:
            metrics = json.loads((study / cell.folder / "metrics.json").read_text())
            assert (study / cell.folder / "predictions.csv").is_file()
            assert ("external" in metrics) == (node.kind == "external")
            tested = metrics["tested"]
            assert (tested["label_fraction"], tested["label_seed"]) == (cell.fraction, cell.label_seed)
