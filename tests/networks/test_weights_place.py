"""A classifier is found, or its place refused with what there is instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import check_modality, classifier_path
from monai_mocoi.networks.weights_place import check_weights_place
from tests.bundles.conftest import BUNDLES


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "finetune-scratch-all-s4-f1-l1"
    folder.mkdir(parents=True)
    (folder / "classifier.pt").touch()
    return folder


@pytest.mark.parametrize("name", ["", "classifier.pt"])
def test_a_run_folder_or_its_file(run: Path, name: str) -> None:
    assert classifier_path(str(run / name)) == run / "classifier.pt"


def test_a_folder_without_one_names_those_in_it_and_beside_it(run: Path) -> None:
    with pytest.raises(WeightsError, match=f"no classifier in .*-pretrained-.*; these runs have one: {run}. Name one"):
        classifier_path(run.parent / "finetune-pretrained-all-s4-f1-l1")
    with pytest.raises(WeightsError, match=f"no classifier in {run.parent}; these runs have one: {run}. Name one"):
        classifier_path(run.parent)
    with pytest.raises(WeightsError, match=r"no classifier in nowhere; make one by"):
        classifier_path("nowhere")


@pytest.mark.parametrize("wanted", ["runs/nih_mse/finetune-x", "out/finetune-x", "finetune-x"])
def test_without_any_near_those_in_runs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.chdir(tmp_path)
    other = Path("runs/hospital/finetune-scratch-all-s4-f1-l1")
    other.mkdir(parents=True)
    (other / "classifier.pt").touch()
    with pytest.raises(WeightsError, match=f"these runs have one: {other}. Name one as run_dir"):
        classifier_path(wanted)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(WeightsError, match=f"these runs have one: {tmp_path / other}. Name one as run_dir"):
        classifier_path(tmp_path / "runs" / "nih_mse" / "finetune-x")


def test_an_encoder_that_is_not_there_names_those_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = Path("runs/hospital/pretrain/encoder.pt")
    other.parent.mkdir(parents=True)
    other.touch()
    for wanted in ("runs/nih_mse/pretrain/encoder.pt", "runs/lr/pretrain/encoder.pt"):
        with pytest.raises(WeightsError, match=rf"no weights file '{wanted}': these are: '{other}'"):
            check_weights_place(wanted)
    with pytest.raises(WeightsError) as error:  # a folder that was given from the root is not told of
        check_weights_place(tmp_path / "runs" / "nih_mse" / "pretrain" / "encoder.pt")
    assert str(tmp_path) not in str(error.value)


def test_a_run_without_one(run: Path) -> None:
    other = run.parent / "pretrain"
    other.mkdir()
    (other / "manifest.json").write_text("{}")
    with pytest.raises(WeightsError, match="has not come to its end") as refused:
        classifier_path(other)
    assert refused.value.code == "unfinished"
    (other / "encoder.pt").touch()
    with pytest.raises(WeightsError, match=f"is a pretraining run, without a classifier; these runs have one: {run}"):
        classifier_path(other)


def test_another_modality_is_refused() -> None:
    check_modality({"modality": "chest"}, "chest", "nih_mse")
    check_modality({}, "chest", "nih_mse")
    check_modality({"modality": "chest"}, None, "mine")
    with pytest.raises(WeightsError, match="made with the modality 'chest', but dr_mse has 'fundus': use the bundle"):
        check_modality({"modality": "chest"}, "fundus", "dr_mse")


@pytest.mark.parametrize("name", ["evaluate", "inference"])
@pytest.mark.parametrize("bundle", sorted(path.parent.name for path in BUNDLES.glob("*_*/configs")))
def test_every_bundle_asks(bundle: str, name: str) -> None:
    config = json.loads((BUNDLES / bundle / "configs" / f"{name}.json").read_text())
    assert any("check_modality(@classifier, @modality, @bundle)" in step for step in config["initialize"])
