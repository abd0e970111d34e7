from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import (
    Classifier,
    StageEncoder,
    check_preprocessing,
    check_start,
    encoder_state_dict,
    load_pretrained,
    save_encoder,
    weights_sha256,
)
from tests.networks.small import small_moco, small_resnet

CARD = {"method": "moco", "mean": 0.5, "std": 0.25, "channels": 1, "image_size": 224}


def files(folder: Path) -> tuple[StageEncoder, list[Path]]:
    """The same encoder in every kind of file."""
    moco = small_moco()
    encoder = moco.query_encoder
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.01)  # so that the key encoder is another one
    save_encoder(folder / "encoder.pt", encoder, CARD)
    torch.save({"settings": CARD, "network": moco.state_dict()}, folder / "checkpoint_000000001.pt")
    torch.save(Classifier(encoder, 3, stage=2).state_dict(), folder / "classifier.pt")
    plain = encoder_state_dict(encoder)
    torch.save({**plain, "fc.weight": torch.ones(9, 128), "fc.bias": torch.ones(9)}, folder / "torchvision.pth")
    safetensors.torch.save_file({**plain, "fc.weight": torch.ones(9, 128)}, folder / "timm.safetensors")
    torch.save({"state_dict": {f"module.encoder_q.{n}": v for n, v in plain.items()}}, folder / "official.pth.tar")
    return encoder, sorted(path for path in folder.iterdir() if path.suffix != ".json")


def test_every_kind_of_file_gives_the_same_encoder(tmp_path: Path) -> None:
    encoder, paths = files(tmp_path)
    images = torch.rand(2, 1, 32, 32)
    expected = encoder.eval()(images).embedding
    assert len(paths) == 6
    for path in paths:
        other = StageEncoder(small_resnet())
        loaded = load_pretrained(other, str(path))
        assert torch.equal(other.eval()(images).embedding, expected)
        assert loaded.source == path.name
        assert not loaded.report.missing
        assert str(loaded) == f"{path.name}: {loaded.report}"
        assert loaded.sha256 == weights_sha256(encoder_state_dict(encoder))
        known = path.name in ("encoder.pt", "checkpoint_000000001.pt")
        assert (loaded.card and {k: v for k, v in loaded.card.items() if k != "format"}) == (CARD if known else None)
        if path.name == "classifier.pt":
            assert loaded.start == {"kind": "classifier", "labelled_images": None}
        else:
            assert loaded.start == {"kind": "pretraining" if known else "unknown"}


@pytest.mark.parametrize("none", ["none", None])
def test_none_leaves_the_encoder_as_it_was_drawn(none: str | None) -> None:
    encoder = StageEncoder(small_resnet())
    before = weights_sha256(encoder_state_dict(encoder))
    loaded = load_pretrained(encoder, none)
    assert loaded.source == "none"
    assert loaded.start == {"kind": "none"}
    assert loaded.sha256 == before == weights_sha256(encoder_state_dict(encoder))
    assert "random" in str(loaded)
    assert not loaded.report.matched
    assert check_preprocessing(loaded.card, mean=0.1, std=0.1, channels=3) == []


@pytest.mark.parametrize(
    ("start", "seen", "text"),
    [
        ({"kind": "pretraining"}, 60, "the labels of up to 60 images before"),
        ({"kind": "classifier", "labelled_images": 40}, 100, "the labels of up to 100 images before"),
        ({"kind": "classifier", "labelled_images": None}, None, "the labels of an unknown number of images"),
    ],
)
def test_a_classifier_as_start_is_warned_of(
    tmp_path: Path, start: dict[str, Any], seen: int | None, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    encoder, _ = files(tmp_path)
    card = {**CARD, "labels": ["A"], "thresholds": {"A": 0.5}, "labelled_images": 60, "start": start}
    (tmp_path / "classifier.json").write_text(json.dumps(card))
    for name, warned in (("classifier.pt", True), ("encoder.pt", False)):
        caplog.clear()
        loaded = load_pretrained(encoder, tmp_path / name)
        check_start(loaded, {"mean": 0.5, "std": 0.25, "channels": 1})
        assert (text in caplog.text) is warned
        assert loaded.start.get("labelled_images") == (seen if warned else None)


def test_a_file_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where no run of ours lies
    files(tmp_path)
    with pytest.raises(
        WeightsError, match=r"conv1.weight has shape \(4, 3, 7, 7\) in 'encoder.pt', but \(4, 1, 7, 7\)"
    ):
        load_pretrained(StageEncoder(small_resnet(channels=1)), tmp_path / "encoder.pt")
    with pytest.raises(WeightsError, match=r"there is no weights file 'NONE': name a file"):
        load_pretrained(StageEncoder(small_resnet()), "NONE")


@pytest.mark.parametrize(
    ("here", "warned"),
    [
        ({}, []),
        ({"mean": [0.5, 0.5, 0.5], "std": [0.25]}, []),
        ({"mean": 0.4}, ["mean 0.5, but this run takes 0.4"]),
        ({"mean": [0.5, 0.5, 0.4]}, ["mean 0.5, but this run takes [0.5, 0.5, 0.4]"]),
        ({"image_size": 224, "modality": "chest"}, []),
        ({"image_size": 32}, ["image_size 224, but this run takes 32"]),
        ({"intensity": "declared"}, []),
        ({"intensity": "picture"}, ["intensity declared, but this run takes picture"]),
        ({"std": 1, "channels": 3}, ["std 0.25, but this run takes 1", "channels 1, but this run takes 3"]),
    ],
)
def test_a_warning_a_difference(here: dict[str, Any], warned: list[str]) -> None:
    texts = check_preprocessing(CARD, **{"mean": 0.5, "std": 0.25, "channels": 1, **here})
    assert len(texts) == len(warned)
    assert all(part in text for part, text in zip(warned, texts, strict=True))


def test_an_encoder_of_another_organ_is_warned_of() -> None:
    own = {"mean": 0.5, "std": 0.25, "channels": 1}
    for theirs, ours in (("chest", "chest"), (None, "chest"), ("chest", None)):
        assert check_preprocessing({**CARD, "modality": theirs}, **own, modality=ours) == []
    (text,) = check_preprocessing({**CARD, "modality": "chest"}, **own, modality="histology")
    assert "encoder: chest; this bundle: histology" in text


def test_a_run_says_what_its_encoder_has_learnt_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = StageEncoder(small_resnet())
    save_encoder(tmp_path / "encoder.pt", encoder, {**CARD, "modality": "chest", "dataset": "Hospital"})
    loaded = load_pretrained(encoder, tmp_path / "encoder.pt")
    with caplog.at_level("INFO"):
        check_start(loaded, {"mean": 0.5, "std": 0.25, "channels": 1, "image_size": 224, "modality": "fundus"})
    assert "It has learnt from: 224 px, chest, of 'Hospital'" in caplog.text
    assert "encoder: chest; this bundle: fundus" in caplog.text


def test_another_intensity_than_the_encoders_is_warned_of() -> None:
    card = {**CARD, "intensity": "percentiles"}
    here = {"mean": 0.5, "std": 0.25, "channels": 1}
    assert check_preprocessing(card, **here, intensity="percentiles") == []
    (text,) = check_preprocessing(card, **here, intensity="declared")
    assert "intensity percentiles, but this run takes declared" in text


@pytest.mark.parametrize("card", [None, {"method": "moco", "mean": 0.5}])
def test_unknown_preprocessing_is_said(card: dict[str, Any] | None) -> None:
    (text,) = check_preprocessing(card, mean=0.5, std=(0.25, 0.25, 0.25), channels=3)
    assert "this run takes mean 0.5 and std [0.25, 0.25, 0.25]" in text
    assert "[0.485, 0.456, 0.406]" in text


def test_how_pretraining_went_is_handed_on_and_guessing_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = small_moco().query_encoder
    network = Classifier(encoder, 3)
    for value in (1.022, 0.7):
        recorded = {"epochs": 1, "iterations": 12, "relative_loss": {"training": value, "validation": None}}
        save_encoder(tmp_path / "encoder.pt", encoder, {**CARD, **recorded})
        loaded = load_pretrained(encoder, tmp_path / "encoder.pt")
        assert loaded.start == {"kind": "pretraining", **recorded}
        caplog.clear()
        check_start(loaded, {"mean": 0.5, "std": 0.25, "channels": 1})
        assert ("encoder.pt: the encoder's pretraining never beat guessing" in caplog.text) is (value >= 1)
        torch.save(network.state_dict(), tmp_path / "classifier.pt")
        card = {**CARD, "labels": ["A"], "labelled_images": 60, "start": loaded.start}
        (tmp_path / "classifier.json").write_text(json.dumps(card))
        again = load_pretrained(encoder, tmp_path / "classifier.pt").start
        assert again == {"kind": "classifier", "labelled_images": 60, **recorded}
