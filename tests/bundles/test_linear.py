"""``mocoi linear``: each cell is what ``finetune.json`` with ``trainable`` head and ``evaluate.json`` give."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow
from typer.testing import CliRunner, Result

from monai_mocoi.cli.app import app
from monai_mocoi.data import read_predictions
from tests.bundles.conftest import BUNDLES, SMALL_BACKBONE

pytestmark = pytest.mark.slow  # whole runs, seconds each

TRAIN = {"image_size": 32, "batch_size": 8, "device": "cpu", "precision": "float32"}
EVALUATE = {"min_positives": 2, "min_negatives": 2, "resamples": 50, "seed": 3}
FRACTIONS, DRAWS = [1.0, 0.5], [1, 2]
CELLS = ["f0.5-l1", "f0.5-l2", "f1-l1"]


def linear(bundle: str, dataset: Path, *words: str) -> Result:
    own = {**TRAIN, "dataset_dir": str(dataset), "network_def#encoder#backbone": json.dumps(SMALL_BACKBONE)}
    settings = [word for name, value in own.items() for word in (f"--{name}", str(value))]
    grid = ["--fractions", json.dumps(FRACTIONS), "--draws", json.dumps(DRAWS), "--evaluation", json.dumps(EVALUATE)]
    config = str(BUNDLES / bundle / "configs" / "finetune.json")
    return CliRunner().invoke(app, ["linear", config, *settings, *grid, "--out", "linear", *words])


def run(bundle: str, file: str, **settings: Any) -> None:
    workflow = ConfigWorkflow(
        config_file=str(BUNDLES / bundle / "configs" / file),
        workflow_type="train",
        logging_file=False,
        **{"device": "cpu", "precision": "float32", "network_def#encoder#backbone": SMALL_BACKBONE, **settings},
    )
    workflow.initialize()
    workflow.run()
    workflow.finalize()


def classically(bundle: str, dataset: Path, tested: Path, fraction: float, draw: int, pretrained: str) -> Path:
    start = {"dataset_dir": str(dataset), "pretrained": pretrained, "output_dir": "runs"}
    run(bundle, "finetune.json", **TRAIN, **start, trainable="head", label_fraction=fraction, label_seed=draw)
    word = "scratch" if pretrained == "none" else "pretrained"
    folder = Path(f"runs/finetune-{word}-head-s4-f{fraction:g}-l{draw}")
    for place in dict.fromkeys((dataset, tested)):
        out = folder / ("evaluation-test" if place == dataset else "external")
        run(bundle, "evaluate.json", **EVALUATE, dataset_dir=str(place), run_dir=str(folder), evaluation_dir=str(out))
    return out


def same(first: Any, second: Any, path: str = "") -> None:
    """Equal, numbers to rounding, and keys in the same order."""
    if isinstance(first, dict):
        assert list(first) == list(second), path
        for key, value in first.items():
            same(value, second[key], f"{path}.{key}")
    elif isinstance(first, list):
        assert len(first) == len(second), path
        for place, (one, other) in enumerate(zip(first, second, strict=True)):
            same(one, other, f"{path}[{place}]")
    elif isinstance(first, float):
        assert second == pytest.approx(first, abs=1e-6, rel=1e-5), path
    else:
        assert first == second, path


def check_cell(cell: Path, classic: Path) -> None:
    one, other = (read_predictions(folder / "predictions.csv") for folder in (cell, classic))
    for name in ("images", "patients", "classes", "kind"):
        assert getattr(one, name) == getattr(other, name)
    assert (one.labels == other.labels).all()
    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    same(*(json.loads((folder / "metrics.json").read_text()) for folder in (cell, classic)))
    of_run = classic if (classic / "labelled.json").exists() else classic.parent
    same(*(json.loads((folder / "labelled.json").read_text()) for folder in (cell, of_run)))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_findings_of_a_pretrained_encoder(pretrained: Callable[[str], Any], dataset: Path, tmp_path: Path) -> None:
    pretrained("nih_mse")
    weights = "runs/nih_mse/pretrain/encoder.pt"
    result = linear("nih_mse", dataset, "--pretrained", weights)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path("linear").iterdir()) == [*CELLS, "linear.json"]
    names = ["labelled.json", "metrics.json", "predictions.csv"]
    assert sorted(path.name for path in Path("linear/f1-l1").iterdir()) == names
    for fraction, draw in ((1.0, 1), (0.5, 2)):
        check_cell(
            Path(f"linear/f{fraction:g}-l{draw}"), classically("nih_mse", dataset, dataset, fraction, draw, weights)
        )


def test_classes_of_random_weights_with_class_weights_tested_elsewhere(
    dataset_of: Callable[[str], Path], tmp_path: Path
) -> None:
    dataset = dataset_of("bch_moco")
    other = tmp_path / "other"
    shutil.copytree(dataset, other)
    content = json.loads((other / "datalist.json").read_text())
    content["name"], content["test"] = "another", content["test"][::-1]
    (other / "datalist.json").write_text(json.dumps(content))
    result = linear("bch_moco", dataset, "--pretrained", "none", "--test", str(other), "--class_weighting", "true")
    assert result.exit_code == 0, result.output
    TRAIN["class_weighting"] = True
    try:
        classic = classically("bch_moco", dataset, other, 0.5, 1, "none")
    finally:
        del TRAIN["class_weighting"]
    check_cell(Path("linear/f0.5-l1"), classic)
    assert json.loads(Path("linear/f0.5-l1/metrics.json").read_text())["external"]["own_test"]["images"] > 0


def test_an_image_that_cannot_be_read_is_skipped_where_that_is_asked_for(dataset: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(dataset, damaged)
    image = damaged / json.loads((damaged / "datalist.json").read_text())["training"][0]["image"]
    image.write_bytes(image.read_bytes()[:60])
    refused = linear("nih_mse", damaged, "--pretrained", "none")
    assert refused.exit_code != 0
    skipped = linear("nih_mse", damaged, "--pretrained", "none", "--on_bad_image", "skip", "--max_bad_share", "0.5")
    assert skipped.exit_code == 0, skipped.output
    assert len(json.loads(Path("linear/f1-l1/labelled.json").read_text())["training"]) > 0


def test_it_goes_on_and_refuses_others(dataset: Path) -> None:
    assert linear("nih_mse", dataset, "--pretrained", "none").exit_code == 0
    kept = Path("linear/f1-l1/metrics.json")
    before, text = kept.stat().st_mtime_ns, Path("linear/f0.5-l1/metrics.json").read_text()
    Path("linear/f0.5-l1/metrics.json").unlink()
    assert linear("nih_mse", dataset, "--pretrained", "none").exit_code == 0
    assert (kept.stat().st_mtime_ns, Path("linear/f0.5-l1/metrics.json").read_text()) == (before, text)
    refused = linear("nih_mse", dataset, "--pretrained", "none", "--seed", "7")
    assert refused.exit_code == 2
    assert "holds linear evaluations of others (pretrained_sha256, settings)" in refused.output
    assert linear("nih_mse", dataset, "--pretrained", "none", "--seed", "7", "--overwrite").exit_code == 0
    assert kept.stat().st_mtime_ns > before


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--label_fraction", "0.5"], "label_fraction is set by --fractions: leave --label_fraction out"),
        (["--fractions", "0.5,1"], "--fractions is '0.5,1', but must be a list without repeats"),
        (["--fractions", "[2]"], "label_fraction is '2.0', but must be a number above 0"),
        (["--evaluation", '{"resample": 5}'], "there is no setting resample in evaluate.json"),
        (["--image_siz", "5"], "there is no setting image_siz in finetune.json"),
        (["--out", ""], "--out is missing"),
        (["--class_weighting", "true"], "class_weighting has no effect on linear evaluation of findings"),
    ],
)
def test_what_is_refused(dataset: Path, words: list[str], text: str) -> None:
    result = linear("nih_mse", dataset, "--pretrained", "none", *words)
    assert result.exit_code == 2
    assert text in result.output
    assert not Path("linear").exists() or not list(Path("linear").glob("f*"))
