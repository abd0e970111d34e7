"""analyze.json after the other configs: with small networks, on phantoms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow

from monai_mocoi.data import load_datalist
from monai_mocoi.errors import SettingsError
from tests.bundles.conftest import BUNDLES, SMALL_BACKBONE

pytestmark = pytest.mark.slow  # whole runs, seconds each

SMALL = {"device": "cpu", "precision": "float32"}
FINETUNE = {"image_size": 32, "batch_size": 8, "max_epochs": 1, "network_def#encoder#backbone": SMALL_BACKBONE}
EVALUATE = {"min_positives": 2, "min_negatives": 2, "resamples": 50, "network_def#encoder#backbone": SMALL_BACKBONE}
ANALYZE = {
    "network_def#backbone": SMALL_BACKBONE,
    "resamples": 50,
    "probe_fractions": [0.5, 1.0],
    "min_positives": 2,
    "min_negatives": 2,
}


@pytest.fixture
def run(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ConfigWorkflow]:
    monkeypatch.chdir(tmp_path)

    def start(file: str, **overrides: Any) -> ConfigWorkflow:
        base = {"finetune.json": FINETUNE, "evaluate.json": EVALUATE, "analyze.json": ANALYZE}[file]
        workflow = ConfigWorkflow(
            config_file=str(BUNDLES / "nih_mse" / "configs" / file),
            workflow_type="train",
            logging_file=False,
            **{**SMALL, "dataset_dir": str(dataset), **base, **overrides},
        )
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        return workflow

    return start


def test_before_and_after_fine_tuning_and_few_labels_against_all(
    pretrained: Any, run: Callable[..., ConfigWorkflow], dataset: Path
) -> None:
    pretrained("nih_mse")
    runs = {}
    for fraction in (0.5, 1.0):
        run("finetune.json", label_fraction=fraction)
        runs[fraction] = f"runs/nih_mse/finetune-pretrained-all-s4-f{fraction:g}-l1"
        run("evaluate.json", run_dir=runs[fraction])
    run("analyze.json", few_labels=runs[0.5], all_labels=runs[1.0])

    folder = Path("runs/nih_mse/analysis-test")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    figures = {
        f"figures/{name}.{ending}"
        for name in (
            *("feature_reuse", "feature_reuse_matrix", "probing", "output_distance"),
            *("components_before", "components_finetune-pretrained-all-s4-f1-l1"),
        )
        for ending in ("png", "svg")
    }
    assert {"analysis.json", "feature_reuse.csv", "output_distance.csv", "probing/probing.json"} | figures <= found
    result = json.loads((folder / "analysis.json").read_text())
    assert result["parts"] == ["reuse", "probing", "ks", "embedding"]
    assert result["notes"] == []
    assert result["networks"]["finetune-pretrained-all-s4-f1-l1"]["started_from_before"] is True
    assert not {"pretrained", "dataset_dir", "finetuned", "few_labels"} & set(result["settings"])
    # Beside the predictions nothing names an image or a patient.
    datalist = load_datalist(dataset)
    names = {word for item in datalist.test for word in (item["name"], item["patient"], str(dataset))}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "predictions.csv":
            content = path.read_bytes()
            assert not [name for name in names if name.encode() in content], path
    config = (folder / "tensorboard" / "projector_config.pbtxt").read_text()
    assert str(folder.resolve()) not in config


def test_a_run_from_scratch_started_from_the_random_weights(run: Callable[..., ConfigWorkflow]) -> None:
    """As the bundle builds them, in the memory format of its settings."""
    run("finetune.json", pretrained="none", label_fraction=1.0, seed=5)
    folder = "runs/nih_mse/finetune-scratch-all-s4-f1-l1"
    run("analyze.json", pretrained="none", finetuned=folder, parts=["reuse"])
    result = json.loads(Path("runs/nih_mse/analysis-test/analysis.json").read_text())
    assert result["networks"][Path(folder).name]["started_from_before"] is True
    assert result["networks"]["before"]["seed"] == 5


def test_several_processes_are_refused(run: Callable[..., ConfigWorkflow], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError) as caught:
        run("analyze.json", pretrained="none")
    assert isinstance(caught.value.__cause__, SettingsError)
    assert "without torchrun" in str(caught.value.__cause__)
