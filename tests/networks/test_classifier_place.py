"""A classifier is found, or its place refused with what there is instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_mocoi.networks import WeightsError, check_modality, classifier_path
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
    with pytest.raises(WeightsError, match=r"no classifier in nowhere\. Make one by"):
        classifier_path("nowhere")


def test_a_run_without_one(run: Path) -> None:
    other = run.parent / "pretrain"
    other.mkdir()
    (other / "manifest.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"has not come to its end\. Continue it .* --resume true"):
        classifier_path(other)
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
