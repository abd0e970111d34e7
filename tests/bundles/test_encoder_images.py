"""Each bundle takes the size of its encoder's images, and asks for the data set that its weights were made on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser

from monai_mocoi.cli.messages import explain
from tests.bundles.conftest import BUNDLES, NAMES


def parser(name: str, config: str, **overrides: Any) -> ConfigParser:
    made = ConfigParser()
    made.read_config(str(BUNDLES / name / "configs" / f"{config}.json"))
    made.update(overrides)
    return made


def sidecar(path: Path, **known: Any) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    path.with_suffix(".json").write_text(json.dumps({"dataset": "Hospital", "settings": {"demo": False}, **known}))


@pytest.mark.parametrize("name", NAMES)
def test_fine_tuning_takes_the_size_of_its_encoder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    default = 64 if name.startswith("bch") else 224
    assert parser(name, "finetune", dataset_dir="x").get_parsed_content("image_size") == default
    sidecar(Path("runs") / name / "pretrain" / "encoder.pt", image_size=42)
    found = parser(name, "finetune", dataset_dir="x")
    assert [found.get_parsed_content(name) for name in ("image_size", "decode_size")] == [42, 48]
    assert parser(name, "finetune", dataset_dir="x", pretrained="none").get_parsed_content("image_size") == default
    assert parser(name, "finetune", dataset_dir="x", image_size=56).get_parsed_content("decode_size") == 64


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("config", "part", "weights"),
    [
        ("finetune", "dataset_folder", "pretrain/encoder.pt"),
        ("evaluate", "dataset_folder", "finetune-pretrained-all-s4-f0.1-l1/classifier.pt"),
        ("inference", "items", "finetune-pretrained-all-s4-f0.1-l1/classifier.pt"),
    ],
)
def test_phantoms_are_refused_and_not_drawn(
    name: str, config: str, part: str, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    sidecar(Path("runs") / name / weights)
    with pytest.raises(Exception) as caught:
        parser(name, config).get_parsed_content(part)
    text, code = explain(caught.value)
    assert (code, "made on the data set 'Hospital'" in text, "dataset_dir" in text) == (2, True, True)
    assert not (tmp_path / "cache").exists()


def test_a_package_may_be_tried_on_phantoms(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sidecar(Path("models/model.pt"), labels=["a"])
    asked: list[Any] = []

    def resolve(*given: Any) -> str:
        asked.append(given)
        return str(dataset)

    monkeypatch.setattr("monai_mocoi.demo.dataset_dir.resolve_dataset_dir", resolve)
    assert parser("nih_mse", "inference").get_parsed_content("items")
    assert asked == [("demo", "chest", None)]
