"""MONAI's own tools on an unpacked package."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow, ckpt_export, onnx_export, verify_metadata, verify_net_in_out
from monai.data import load_net_with_metadata
from monai.networks.nets import resnet50
from PIL import Image

from monai_mocoi import exit_codes
from monai_mocoi.cli.overrides import check_command
from monai_mocoi.cli.plan import make_plan
from monai_mocoi.cli.resolved_config import ResolvedConfig
from monai_mocoi.data import load_datalist
from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import Classifier, StageEncoder
from monai_mocoi.networks.weights_place import classifier_path
from monai_mocoi.packaging import package_bundle
from tests.bundles.conftest import BUNDLES, SMALL_BACKBONE
from tests.networks.small import small_resnet
from tests.report.finetuned_runs import FINDINGS, make_bundle, make_run
from tests.support.metadata_schema import SCHEMA

pytestmark = pytest.mark.slow  # whole runs, seconds each

INFERENCE, METADATA = "configs/inference.json", "configs/metadata.json"


def unpacked(zip_file: Path, place: Path) -> Path:
    with zipfile.ZipFile(zip_file) as archive:
        archive.extractall(place)
    (folder,) = place.iterdir()
    return folder


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


@pytest.fixture
def package(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a small network, unpacked; it is the current folder, and what it was made from is gone."""
    bundle = make_bundle(tmp_path / "from")
    folder = unpacked(package_bundle(bundle, run_dir, tmp_path / "package.zip").path, tmp_path / "un")
    shutil.rmtree(bundle)
    monkeypatch.chdir(folder)
    return folder


def network(run_dir: Path, images: torch.Tensor) -> torch.Tensor:
    """Logits of the run's own classifier."""
    classifier = Classifier(StageEncoder(small_resnet()), len(FINDINGS)).eval()
    classifier.load_state_dict(torch.load(run_dir / "classifier.pt", weights_only=True))
    with torch.no_grad():
        return classifier(images)


def films(folder: Path, count: int = 3) -> Path:
    folder.mkdir()
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (50, 60), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"film{i}.png")
    return folder


def test_verify_net_in_out_and_metadata(package: Path, tmp_path: Path) -> None:
    verify_net_in_out(net_id="network_def", meta_file=METADATA, config_file=INFERENCE, device="cpu")
    with pytest.raises(ValueError, match="output channel number `3`"):
        verify_net_in_out(
            net_id="network_def", meta_file=METADATA, config_file=INFERENCE, device="cpu",
            **{"_meta_#network_data_format#outputs#pred#num_channels": 4},
        )  # fmt: skip
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    verify_metadata(meta_file=METADATA, filepath=str(schema))


@pytest.mark.parametrize("use_trace", [False, True])
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_ckpt_export(package: Path, run_dir: Path, use_trace: bool) -> None:
    ckpt_export(config_file=INFERENCE, use_trace=use_trace)
    exported, meta, _ = load_net_with_metadata("models/model.ts")
    images = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(exported(images), network(run_dir, images))
    assert meta["network_data_format"]["outputs"]["pred"]["channel_def"]["0"] == FINDINGS[0]


@pytest.mark.slow
def test_onnx_export(package: Path, run_dir: Path) -> None:
    pytest.importorskip("onnx", reason="pip install onnx onnxscript")
    pytest.importorskip("onnxscript", reason="pip install onnx onnxscript")
    from onnx import load
    from onnx.reference import ReferenceEvaluator

    onnx_export(
        net_id="network_def", filepath="models/model.onnx", ckpt_file="models/model.pt", meta_file=METADATA,
        config_file=INFERENCE,
    )  # fmt: skip
    images = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    session = ReferenceEvaluator(load("models/model.onnx"))
    (found,) = session.run(None, {session.input_names[0]: images.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), network(run_dir, images), rtol=1e-4, atol=1e-5)


def test_inference_gives_what_the_run_gives(package: Path, run_dir: Path, tmp_path: Path) -> None:
    images = films(tmp_path / "films")

    def infer(config: Path, **settings: object) -> ConfigWorkflow:
        given = {"images": str(images), "device": "cpu", "precision": "float32", **settings}
        workflow = ConfigWorkflow(config_file=str(config), workflow_type="infer", logging_file=False, **given)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        return workflow

    assert infer(package / INFERENCE).check_properties() == []
    bundle = make_bundle(tmp_path / "again")
    infer(bundle / INFERENCE, run_dir=str(run_dir))
    written = package.parent / "runs" / package.name / "inference" / "classified.csv"
    assert written.read_bytes() == (run_dir / "inference" / "classified.csv").read_bytes()
    with open(written, newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["film0.png", "film1.png", "film2.png"]


def test_evaluation_on_data_of_ones_own(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = list(load_datalist(dataset).labels)
    thresholds = dict.fromkeys(labels, 0.5)
    run = make_run(tmp_path / "run", evaluated=False, labels=labels, thresholds=thresholds)
    zip_file = package_bundle(make_bundle(tmp_path / "from"), run, tmp_path / "package.zip").path
    monkeypatch.chdir(unpacked(zip_file, tmp_path / "un"))
    workflow = ConfigWorkflow(
        config_file="configs/evaluate.json", workflow_type="train", logging_file=False, dataset_dir=str(dataset),
        run_dir="models/model.pt", evaluation_dir="../external", device="cpu", resamples=50, min_positives=2,
        min_negatives=2, **{"network_def#encoder#backbone": SMALL_BACKBONE},
    )  # fmt: skip
    workflow.initialize()
    workflow.run()
    metrics = json.loads(Path("../external/metrics.json").read_text())
    assert metrics["images"] == len(load_datalist(dataset).test)
    assert metrics["thresholds"] == thresholds


@pytest.mark.parametrize("place", ["", "configs", "..", "../../empty"])
def test_where_results_go(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """In the package, in a folder of it, above it, and in an empty folder: never into it."""
    images = films(tmp_path / "films", 1)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(package / place)
    checked = check_command([os.path.relpath(package / INFERENCE), "--images", str(images)])
    config = ResolvedConfig(checked.files.files, checked.overrides)
    assert Path(config.value("weights")).resolve() == package / "models" / "model.pt"
    results = Path(config.value("inference_dir")).resolve()
    plan = make_plan(checked)
    if place == "configs":  # where MONAI's command would write into it, too
        assert plan.refusals[0][1] == exit_codes.USAGE
        assert f"lies in the package {package.name}" in plan.refusals[0][0]
    else:
        assert plan.refusals == ()
        beside = package.parent if place == "" else Path.cwd()
        assert results == beside / "runs" / package.name / "inference"


@pytest.mark.parametrize("name", ["train", "finetune"])
def test_a_training_run_goes_beside_it_or_is_refused_by_the_plan(package: Path, dataset: Path, name: str) -> None:
    words = [f"configs/{name}.json", "--dataset_dir", str(dataset), "--pretrained", "none"]
    words = words if name == "finetune" else words[:3]
    refusals = make_plan(check_command(words)).refusals
    assert [code for text, code in refusals if "lies in the package" in text] == [exit_codes.USAGE]
    refusals = make_plan(check_command([*words, "--output_dir", "../runs"])).refusals
    assert not [text for text, _ in refusals if "lies in the package" in text]


def test_without_its_root_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match="bundle_root"):
        classifier_path("models/model.pt")


@pytest.mark.slow
def test_the_real_commands_on_a_resnet50(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", image_size=64, decode_size=73)
    backbone = resnet50(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False, feed_forward=False)
    torch.save(Classifier(StageEncoder(backbone), 3, seed=3).state_dict(), run / "classifier.pt")
    images = films(tmp_path / "films", 2)

    def command(*words: object, cwd: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)], cwd=cwd, env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    command("monai_mocoi", "package", BUNDLES / "nih_mse", "--run", run, "--out", "package.zip", cwd=tmp_path)
    folder = unpacked(tmp_path / "package.zip", tmp_path / "un")
    command("monai.bundle", "run", "--config_file", INFERENCE, "--images", images, "--device", "cpu", cwd=folder)
    with open(folder.parent / "runs" / folder.name / "inference" / "classified.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert all(0 < float(row[f"probability_{name}"]) < 1 for row in rows for name in FINDINGS)
    monkeypatch.chdir(folder)
    verify_net_in_out(net_id="network_def", meta_file=METADATA, config_file=INFERENCE, device="cpu")
    ckpt_export(config_file=INFERENCE)
    assert (folder / "models" / "model.ts").is_file()
