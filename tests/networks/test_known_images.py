"""What the JSON file beside weights says of their images: taken as a default, refused or warned of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import (
    StageEncoder,
    check_drawn_or_real,
    export_graph,
    export_weights,
    is_identified,
    of_encoder,
    save_encoder,
)
from monai_mocoi.networks.known_images import images_in_words, known_images
from tests.networks.small import small_resnet

ENCODER = {"image_size": 48, "modality": "chest", "dataset": "Hospital", "settings": {"demo": False}}


def weights(folder: Path, known: Any, name: str = "encoder.pt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    (folder / name).with_suffix(".json").write_text(known if isinstance(known, str) else json.dumps(known))
    return folder / name


def test_the_size_of_the_encoder_is_the_default(tmp_path: Path) -> None:
    path = weights(tmp_path, ENCODER)
    assert of_encoder(str(path), "image_size", 224) == of_encoder(path, "image_size", 224) == 48
    assert of_encoder(weights(tmp_path, ENCODER, "classifier.pt").parent, "image_size", 224) == 48
    (tmp_path / "config.json").write_text('{"image_size": 40}')
    assert of_encoder(tmp_path / "checkpoints" / "checkpoint_000000001.pt", "image_size", 224) == 40


def test_so_is_how_its_grey_values_were_scaled(tmp_path: Path) -> None:
    assert of_encoder(weights(tmp_path, ENCODER), "intensity", "declared") == "declared"
    for value, taken in (("percentiles", "percentiles"), ("", "declared"), (None, "declared"), (3, "declared")):
        assert of_encoder(weights(tmp_path, {"intensity": value}), "intensity", "declared") == taken


@pytest.mark.parametrize("known", ["{broken", "[1]", {}, {"image_size": None}, {"image_size": True}, {"image_size": 0}])
def test_where_it_is_not_known_the_default_stays(tmp_path: Path, known: Any) -> None:
    assert of_encoder(weights(tmp_path, known), "image_size", 224) == 224


@pytest.mark.parametrize("place", [None, "none", "nowhere.pt", "nowhere"])
def test_nothing_is_known_of_nothing(place: str | None) -> None:
    assert known_images(place) == {}
    assert of_encoder(place, "image_size", 64) == 64
    check_drawn_or_real("demo", place)
    check_drawn_or_real("folder", place)


@pytest.mark.parametrize(("labels", "what"), [({}, "encoder"), ({"labels": ["a"]}, "classifier")])
def test_phantoms_are_refused_for_weights_of_real_images(tmp_path: Path, labels: Any, what: str) -> None:
    path = weights(tmp_path, ENCODER | labels)
    with pytest.raises(WeightsError, match=f"the {what} was made on the data set 'Hospital'") as e:
        check_drawn_or_real("demo", path)
    assert (e.value.exit_code, e.value.code) == (2, "phantoms")
    nameless = {name: value for name, value in ENCODER.items() if name != "dataset"}
    with pytest.raises(WeightsError, match="the encoder was made on a data set, but"):
        check_drawn_or_real("demo", weights(tmp_path / "x", nameless))
    check_drawn_or_real("hospital", path)


@pytest.mark.parametrize("settings", [None, {}, {"demo": True}, {"demo": "no"}])
def test_phantoms_are_not_refused_where_weights_are_of_phantoms_or_unknown(tmp_path: Path, settings: Any) -> None:
    check_drawn_or_real("demo", weights(tmp_path, ENCODER | {"settings": settings}))


@pytest.mark.parametrize(("labels", "what"), [({}, "DEMO ENCODER"), ({"labels": ["a"]}, "DEMO CLASSIFIER")])
def test_weights_of_phantoms_on_real_images_are_warned_of(
    tmp_path: Path, labels: Any, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = weights(tmp_path, ENCODER | labels | {"settings": {"demo": True}})
    check_drawn_or_real("demo", path)
    assert not caplog.records
    check_drawn_or_real("hospital", path)
    assert what in caplog.text
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_what_is_known_in_words() -> None:
    assert images_in_words(ENCODER) == "48 px, chest, of 'Hospital'"
    assert images_in_words({"modality": None, "image_size": 32}) == "32 px"
    assert images_in_words({}) == ""


@pytest.mark.parametrize("weights", [None, "none", "run/encoder.pt"])
def test_without_a_word_weights_are_not_identified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_identified(weights)


@pytest.mark.parametrize("content", ["[]", "{", '{"identified": "yes"}', '{"identified": false}', "{}"])
def test_only_true_counts_and_a_damaged_file_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "encoder.json").write_text(content)
    assert not is_identified(tmp_path / "encoder.pt")


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("encoder.pt", "encoder.json"),
        ("encoder.pt", "manifest.json"),
        ("checkpoints/00000005.pt", "manifest.json"),
    ],
)
def test_card_and_manifest_tell(tmp_path: Path, weights: str, says: str) -> None:
    (tmp_path / says).write_text(json.dumps({"identified": True}))
    assert is_identified(tmp_path / weights)


@pytest.mark.parametrize("to", ["torchvision", "torchscript"])
def test_no_export_of_what_was_trained_on_identified_data(tmp_path: Path, to: str) -> None:
    encoder = StageEncoder(small_resnet())
    save_encoder(tmp_path / "encoder.pt", encoder, {"identified": True})
    out = tmp_path / ("out.pt" if to == "torchvision" else "out.ts")
    with pytest.raises(WeightsError, match="Prepare the data set without") as refused:
        (export_weights if to == "torchvision" else export_graph)(tmp_path / "encoder.pt", to, out)
    assert refused.value.exit_code == 2
    assert str(tmp_path) not in str(refused.value)
    assert not out.exists()
    assert torch.load(tmp_path / "encoder.pt", weights_only=True)
