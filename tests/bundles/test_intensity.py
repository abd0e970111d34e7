"""Pictures that use a small part of their range: the same bits and the same scale in every split, and in inference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.bundle import ConfigWorkflow
from PIL import Image

from monai_mocoi.demo import generate_demo
from monai_mocoi.networks import ClassifierCard
from tests.bundles.conftest import BUNDLES, SMALL_BACKBONE
from tests.data.dataset_folders import dataset_folder, picture

SETTINGS = {"device": "cpu", "network_def#encoder#backbone": SMALL_BACKBONE}
TRAINING = {**SETTINGS, "image_size": 32, "batch_size": 4, "num_workers": 0}


@pytest.fixture
def faint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset folder of 16-bit PNG with values to 4,095, but for one training image of 8 bits."""
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    folder = dataset_folder(tmp_path / "faint")
    for index, path in enumerate(sorted((folder / "images").iterdir())[1:]):
        values = np.clip(picture(index).astype(np.uint16) * 25 + np.arange(24, dtype=np.uint16), 0, 4095)
        Image.fromarray(values).save(path)
    return folder


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """What an id of a config of nih_moco comes to."""
    monkeypatch.chdir(tmp_path)

    def parsed(file: str, *ids: str, **settings: Any) -> list[Any]:
        config = str(BUNDLES / "nih_moco" / "configs" / file)
        kind = "infer" if file == "inference.json" else "train"
        workflow = ConfigWorkflow(config_file=config, workflow_type=kind, logging_file=False, **settings)
        workflow.parser.parse(reset=True)
        return [workflow.parser.get_parsed_content(i) for i in ids]

    return parsed


@pytest.mark.parametrize(("bits", "expected"), [("auto", 16), (8, 8)])
def test_one_number_of_bits_for_all_splits_and_in_the_sidecar(
    faint: Path, content: Callable[..., Any], bits: int | str, expected: int
) -> None:
    settings = {**TRAINING, "dataset_dir": str(faint), "cache_bits": bits}
    training, validation = content("train.json", "train#dataset", "validate#dataset", **settings)
    assert training.bits == validation.bits == expected
    levels = len(np.unique(training[3]["image"].numpy() if training.transform is None else training.picture(3)))
    assert levels > 64 if expected == 16 else levels < 20
    wanted = ("train#plain_dataset", "settings")
    training, stated = content("finetune.json", *wanted, **settings, pretrained="none", label_fraction=1.0)
    assert (training.bits, stated["intensity"], stated["cache_bits"]) == (expected, "declared", bits)


def test_the_demo_needs_no_more_than_8_bits(tmp_path: Path, content: Callable[..., Any]) -> None:
    folder = generate_demo(tmp_path / "demo", patients=16, size=40, progress=False)
    assert content("train.json", "bits", **TRAINING, dataset_dir=str(folder)) == [8]


@pytest.mark.parametrize("intensity", ["declared", "picture", "percentiles"])
def test_intensity_is_the_same_from_training_to_inference(
    faint: Path, content: Callable[..., Any], intensity: str
) -> None:
    settings = {**TRAINING, "dataset_dir": str(faint), "intensity": intensity}
    (training, stated) = content(
        "finetune.json", "train#plain_dataset", "settings", **settings, pretrained="none", label_fraction=1.0
    )
    stretched = intensity != "declared"
    assert training.bits == (8 if stretched else 16)
    assert (training.picture(2).max() > 0.9) == stretched
    run = faint.parent / "run"
    run.mkdir()
    classes = {"kind": "multilabel", "labels": ["A", "B"], "thresholds": {"A": 0.5, "B": 0.5}, "stage": 4}
    card = ClassifierCard(**classes, cache_bits=training.bits, **ClassifierCard.from_settings(stated))
    card.write(run / "classifier.json")
    (run / "classifier.pt").write_bytes(b"")
    (evaluated,) = content(
        "evaluate.json", "dataset", **SETTINGS, dataset_dir=str(faint), run_dir=str(run), split="training"
    )
    (new,) = content("inference.json", "dataset", **SETTINGS, images=str(faint / "images"), run_dir=str(run))
    for row in (0, 3, 5):
        expected = training[row]["image"]
        assert (evaluated[row]["image"] == expected).all()
        assert (new[row]["image"] == expected).all()


def test_fine_tuning_takes_the_intensity_of_its_encoder(faint: Path, content: Callable[..., Any]) -> None:
    (faint.parent / "encoder.json").write_text('{"intensity": "percentiles"}')
    settings = {**TRAINING, "dataset_dir": str(faint), "pretrained": str(faint.parent / "encoder.pt")}
    intensity, training = content("finetune.json", "intensity", "train#plain_dataset", **settings, label_fraction=1.0)
    assert intensity == "percentiles"
    assert training.picture(2).max() > 0.9
