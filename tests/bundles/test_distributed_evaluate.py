"""``evaluate.json`` in two processes of torchrun against one process: fault A25, each image is scored once."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.bundle import ConfigWorkflow

from monai_mocoi.data import load_datalist, read_predictions
from tests.bundles.conftest import BUNDLES, SMALL_BACKBONE
from tests.support.saved_classifier import save, sidecar
from tests.support.torchrun_command import started

CONFIGS = BUNDLES / "nih_mse" / "configs"
BACKBONE = {"network_def#encoder#backbone": SMALL_BACKBONE}


def with_test_images(dataset: Path, count: int, folder: Path) -> Path:
    """The data set with the first images of its test split only."""
    shutil.copytree(dataset, folder)
    content = json.loads((folder / "datalist.json").read_text())
    assert len(content["test"]) >= count
    content["test"] = content["test"][:count]
    (folder / "datalist.json").write_text(json.dumps(content))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("count", [11, 1])  # shares of 6 and 5; and a process that has no image
def test_two_processes_score_the_images_of_one_process(
    count: int, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = with_test_images(dataset, count, tmp_path / "chest")
    datalist = load_datalist(folder)
    labels = list(datalist.labels)
    content = sidecar(labels=labels, thresholds=dict.fromkeys(labels, 0.5), dataset_sha256=datalist.sha256)
    save(tmp_path / "run", content)
    settings: dict[str, Any] = {
        "run_dir": "run", "dataset_dir": str(folder), "precision": "float32", "resamples": 100, "min_positives": 1,
        "min_negatives": 1,
    }  # fmt: skip

    one = ConfigWorkflow(
        config_file=str(CONFIGS / "evaluate.json"), workflow_type="infer", logging_file=False, device="cpu",
        evaluation_dir="one", **settings, **BACKBONE,
    )  # fmt: skip
    one.initialize()
    one.run()
    one.finalize()

    (tmp_path / "small.json").write_text(json.dumps(BACKBONE))
    files = [CONFIGS / "evaluate.json", tmp_path / "small.json"]
    words = ["torch.distributed.run", "--standalone", "--nproc_per_node", 2, "-m", "monai_mocoi", "run", *files]
    words += [word for name, value in settings.items() for word in (f"--{name}", value)]
    words += ["--evaluation_dir", "two", "--batch_size", 2]
    log = tmp_path / "log.txt"
    with started([sys.executable, "-m", *map(str, words)], log) as process:
        assert process.wait(timeout=240) == 0, log.read_text()

    first, second = (read_predictions(tmp_path / name / "predictions.csv") for name in ("one", "two"))
    assert first.images == second.images == tuple(item["name"] for item in datalist.test)
    assert len(first.images) == count
    assert first.patients == second.patients
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_allclose(second.probabilities, first.probabilities, rtol=0, atol=1e-6)
    assert len(np.unique(first.probabilities.round(4), axis=0)) == count, "images that look alike tell no order"

    written = {path.name for path in (tmp_path / "two").iterdir()}
    figures = {f"{name}.{ending}" for name in ("decision_curve", "reliability") for ending in ("png", "svg")}
    assert {"metrics.json", "predictions.csv"} <= written
    assert written <= {*figures, "metrics.json", "predictions.csv", "worst_errors.png"}
    assert ("worst_errors.png" in written) == (count > 1), "of scored classes only"
    reports = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two")]
    assert bool(reports[0]["scored_classes"]) == (count > 1)
    for name, number in reports[0]["overall"].items():
        assert reports[1]["overall"][name]["value"] == pytest.approx(number["value"], abs=1e-6), name
    for same in ("images", "patients", "scored_classes", "left_out_classes", "intervals", "dataset_sha256"):
        assert reports[1][same] == reports[0][same], same
    assert log.read_text().count("Predictions and metrics: two") == 1  # one process writes
