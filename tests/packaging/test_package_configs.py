"""The two configs of a package hold what is known of its classifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser

from monai_mocoi.errors import PackageError
from monai_mocoi.packaging import FinetunedRun, packaged_inference, packaged_metadata, read_finetuned_run
from tests.bundles.conftest import BUNDLES
from tests.report.finetuned_runs import make_run

METADATA = json.loads((BUNDLES / "nih_mse" / "configs" / "metadata.json").read_text())
INFERENCE = json.loads((BUNDLES / "nih_mse" / "configs" / "inference.json").read_text())


def finetuned(tmp_path: Path, kind: str = "multilabel", evaluated: bool = True, **card: Any) -> FinetunedRun:
    return read_finetuned_run(make_run(tmp_path / "run", kind, evaluated, **card))


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_inference_needs_no_card(tmp_path: Path, kind: str) -> None:
    run = finetuned(tmp_path, kind)
    made = packaged_inference(INFERENCE, run.card, "mine")
    parser = ConfigParser(made)
    for name in ("labels", "kind", "thresholds", "stage", "image_size", "mean", "std", "decode_size", "resize_mode"):
        assert parser.get_parsed_content(name) == run.card[name]
    assert made["cache_bits"] == 16
    assert "run_dir" not in {*made, *made["settings"]}
    assert list(made) == [name for name in INFERENCE if name != "run_dir"]
    assert INFERENCE["run_dir"] is None  # the bundle's own is not changed


def test_a_config_that_still_needs_a_run_is_refused(tmp_path: Path) -> None:
    run = finetuned(tmp_path)
    with pytest.raises(PackageError, match="refers to run_dir in '@run_dir'"):
        packaged_inference({**INFERENCE, "extra": ["@run_dir"]}, run.card, "mine")
    with pytest.raises(PackageError, match="has no thresholds"):
        packaged_inference({k: v for k, v in INFERENCE.items() if k != "thresholds"}, run.card, "mine")


@pytest.mark.parametrize("label", ["$x", "@x", "%x", "Grade #2", "_target_"])
def test_a_label_that_monai_would_read_otherwise_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(PackageError, match="has a sign that MONAI's configs"):
        packaged_inference(INFERENCE, {**finetuned(tmp_path).card, "labels": ["Effusion", label]}, "mine")


def test_metadata_has_the_real_figures(tmp_path: Path) -> None:
    run = finetuned(tmp_path)
    made = packaged_metadata(METADATA, run)
    image = made["network_data_format"]["inputs"]["image"]
    assert (image["num_channels"], image["spatial_shape"], image["value_range"]) == (1, [32, 32], [-2, 2])
    assert (image["modality"], image["channel_def"]) == ("CR", {"0": "grey value"})
    pred = made["network_data_format"]["outputs"]["pred"]
    assert (pred["num_channels"], pred["channel_def"]) == (3, {"0": "Effusion", "1": "Mass", "2": "Pleural Thickening"})
    assert run.metrics is not None
    macro = run.metrics["overall"]["macro_auc"]
    assert made["eval_metrics"]["macro_auc"] == macro["value"]
    assert made["eval_metrics"]["macro_auc_interval"] == macro["interval"]
    assert set(made["eval_metrics"]["auc"]) == {"Effusion", "Pleural Thickening"}
    assert (made["monai_version"], made["pytorch_version"], made["numpy_version"]) == ("1.6.1", "2.9.1", "2.1.0")
    assert made["required_packages_version"]["monai-mocoi"] == "0.1.0"
    assert made["required_packages_version"]["pydicom"] == METADATA["required_packages_version"]["pydicom"]
    assert "12 of 200 training images" in made["description"]
    assert "method: mse" in made["description"]
    assert made["description"].endswith(" Classification of chest images: 3 findings.")
    assert (pred["type"], pred["value_range"], made["task"]) == ("probabilities", [0, 1], "classification")
    assert "pretraining" not in made["intended_use"]
    assert "d" * 64 in made["data_source"]
    assert "NIH" not in made["data_source"]  # own data are not of the data set that the bundle was made for
    assert METADATA["eval_metrics"] == {}  # the bundle's own is not changed


def test_colour_images_softmax_and_a_baseline_that_was_not_evaluated(tmp_path: Path) -> None:
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    run = finetuned(tmp_path, "multiclass", False, channels=3, mean=mean, std=std, pretrained="none", trainable="head")
    made = packaged_metadata(METADATA, run)
    image = made["network_data_format"]["inputs"]["image"]
    assert image["num_channels"] == 3
    assert list(image["channel_def"]) == ["0", "1", "2"]
    assert image["value_range"] == [-2, 3]  # (0 - .4) / .2 and (1 - .4) / .2
    assert made["eval_metrics"] == {}
    assert "softmax" in made["pred_classes"]
    assert "random weights" in made["description"]
    assert "only its linear layer" in made["description"]
    assert "mean" not in made["image_classes"]
    assert "(value - [0.4, 0.5, 0.6])" in made["image_classes"]


def test_the_demo_is_named(tmp_path: Path) -> None:
    made = packaged_metadata(METADATA, finetuned(tmp_path, settings={"bundle": "nih_mse", "demo": True}))
    assert made["description"].startswith("TRAINED ON GENERATED PHANTOMS")
    assert made["data_source"].startswith("phantoms generated by monai_mocoi")


def test_the_architecture_is_the_classifiers(tmp_path: Path) -> None:
    run = finetuned(tmp_path, architecture="resnet18")
    assert packaged_inference(INFERENCE, run.card, "mine")["architecture"] == "resnet18"
    assert packaged_metadata(METADATA, run)["description"].startswith("ResNet-18 with one linear layer on the averaged")
    # Of a card that does not tell, and of a network without a name, which the config builds by itself.
    for told in (None, "basic [1, 1, 1, 1] [4, 8, 16, 32]"):
        card = {**run.card, "architecture": told}
        assert packaged_inference(INFERENCE, card, "mine")["architecture"] == "resnet50"
    earlier = {name: value for name, value in INFERENCE.items() if name != "architecture"}
    assert "architecture" not in packaged_inference(earlier, run.card, "mine")
