"""Another ResNet, from pretraining to inference: the configs that read weights take it from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigWorkflow

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import Classifier, resnet
from monai_mocoi.runs import read_checkpoint
from monai_mocoi.runs.checkpoint_files import newest_checkpoint, write_checkpoint
from tests.bundles.conftest import BUNDLES
from tests.support.commands import SHORT, command

Run = Callable[..., ConfigWorkflow]
ITS_OWN = {"_target_": "monai_mocoi.networks.resnet", "architecture": "@architecture"}
BACKBONE = {"network_def#encoder#backbone": ITS_OWN}  # and not the small one of these tests
TUNED = "runs/nih_mse/finetune-pretrained-all-s4-f1-l1"
FEW = {"min_positives": 2, "min_negatives": 2, "resamples": 50}


def read(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text())


def analysis(dataset: Path, **settings: Any) -> ConfigWorkflow:
    """Of the bundle as it is: the fixtures put a small network into the others."""
    config = BUNDLES / "nih_mse" / "configs" / "analyze.json"
    more = {"dataset_dir": str(dataset), "device": "cpu", **settings}
    return ConfigWorkflow(config_file=str(config), workflow_type="train", logging_file=False, **more)


def cause(error: BaseException | None) -> str:
    while error is not None and not isinstance(error, WeightsError):
        error = error.__cause__
    return str(error)


@pytest.mark.slow
def test_a_resnet18_from_pretraining_to_inference(pretrained: Run, run: Run, build: Run, dataset: Path) -> None:
    pretrained("nih_mse", max_epochs=1, architecture="resnet18", **BACKBONE)
    card = read("runs/nih_mse/pretrain/encoder.json")
    assert (card["architecture"], card["stage_channels"]) == ("resnet18", [64, 128, 256, 512])
    assert read("runs/nih_mse/pretrain/config.json")["architecture"] == "resnet18"
    weights = "runs/nih_mse/pretrain/encoder.pt"
    with pytest.raises(RuntimeError) as error:
        build("finetune.json", pretrained=weights, architecture="resnet50", **BACKBONE)
    assert "'encoder.pt' holds a resnet18, but this encoder is a resnet50: set arch" in cause(error.value)
    assert not Path(TUNED).exists()

    tuned = run("finetune.json", pretrained=weights, stage="all", max_epochs=1, run_dir=TUNED, **BACKBONE)
    network: Any = tuned.parser.get_parsed_content("network_def")
    assert network.head.in_features == 64 + 128 + 256 + 512
    for file in ("classifier.json", "config.json"):
        assert read(f"{TUNED}/{file}")["architecture"] == "resnet18"
    run("evaluate.json", run_dir=TUNED, **FEW, **BACKBONE)
    assert read(f"{TUNED}/evaluation-test/metrics.json")["tested"]["architecture"] == "resnet18"
    classified = build("inference.json", run_dir=TUNED, images=None, **BACKBONE)
    network = classified.parser.get_parsed_content("network")
    assert isinstance(network, Classifier)
    assert network.encoder.stage_channels == (64, 128, 256, 512)
    analyze = analysis(dataset, pretrained=weights, finetuned=TUNED, probe_fractions=[1.0], parts=["reuse"], **FEW)
    analyze.initialize()
    analyze.run()
    analysed = read("runs/nih_mse/analysis-test/analysis.json")
    assert analysed["settings"]["architecture"] == "resnet18"
    assert {*analysed["feature_reuse"]} == {Path(TUNED).name}


def test_weights_of_another_library_are_told_by_their_shapes(build: Run, workflow: Run, dataset: Path) -> None:
    torch.save(resnet("resnet18").state_dict(), "imagenet.pth")
    tuned = build("finetune.json", pretrained="imagenet.pth", **BACKBONE)
    analyze = analysis(dataset, pretrained="imagenet.pth")
    analyze.initialize()
    for built in (tuned, analyze):
        assert built.parser.get_parsed_content("settings")["architecture"] == "resnet18"
    with pytest.raises(RuntimeError) as error:
        workflow("nih_moco", pretrained="imagenet.pth", **BACKBONE).initialize()
    assert "'imagenet.pth' holds a resnet18, but this encoder is a resnet50: set architecture to resnet18" in cause(
        error.value
    )
    assert not Path("runs").exists()


@pytest.mark.slow
def test_a_run_of_before_there_were_others_is_continued(pretrained: Run) -> None:
    pretrained("nih_mse", max_epochs=1)
    folder = Path("runs/nih_mse/pretrain")
    shutil.copytree("runs/nih_mse", "same")
    pretrained("nih_mse", max_epochs=2, resume=True, output_dir="same")
    (folder / "config.json").write_text(json.dumps(without(read(str(folder / "config.json")))))
    path = newest_checkpoint(folder / "checkpoints")
    assert path is not None
    state = read_checkpoint(path)
    assert state["settings"]["architecture"] == "resnet50"
    state["settings"] = without(state["settings"])
    state.pop("format")
    write_checkpoint(folder / "checkpoints", state["iteration"], state, keep=2)
    pretrained("nih_mse", max_epochs=2, resume=True)
    first, second = (torch.load(f"{place}/encoder.pt", weights_only=True) for place in ("same/pretrain", folder))
    assert read(str(folder / "encoder.json"))["epochs"] == 2
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def without(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "architecture"}


@pytest.mark.slow
def test_the_real_commands(dataset: Path, tmp_path: Path) -> None:
    for config, *words in (
        ("train", "--architecture", "resnet18", *SHORT),
        ("finetune", "--label_fraction", 1, *SHORT[:-2]),
        ("evaluate", "--num_workers", 0, "--resamples", 50, "--min_positives", 2, "--min_negatives", 2),
    ):
        file = BUNDLES / "nih_mse" / "configs" / f"{config}.json"
        done = command("monai_mocoi", "run", file, "--dataset_dir", dataset, *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "Tested:" in done.stdout
    tested = json.loads((tmp_path / TUNED / "evaluation-test" / "metrics.json").read_text())["tested"]
    assert tested["architecture"] == "resnet18"
    done = command("monai_mocoi", "plan", file.with_name("finetune.json"), "--architecture", "resnet20", cwd=tmp_path)
    assert done.returncode == 2
    assert "architecture is 'resnet20', but must be one of resnet18, resnet34, resnet50, resnet101" in done.stderr
