"""classifier.pt and its card: found, read whole, or refused with what to do."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import Classifier, StageEncoder, load_classifier, read_classifier_card
from tests.networks.small import small_resnet, views

CARD = {
    **{"kind": "multilabel", "labels": ["A", "B"], "stage": 4, "thresholds": {"A": 0.5, "B": 0.5}},
    **{"image_size": 32, "decode_size": 32, "resize_mode": "shorter", "channels": 1, "mean": 0.5, "std": 0.25},
    "selected": {"epoch": 3},
}


def network(classes: int = 2, seed: int = 1) -> Classifier:
    return Classifier(StageEncoder(small_resnet()), classes, seed=seed).eval()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "finetune-scratch-all-s4-f1-l1"
    folder.mkdir()
    torch.save(network(seed=5).state_dict(), folder / "classifier.pt")
    (folder / "classifier.json").write_text(json.dumps(CARD))
    return folder


@pytest.mark.parametrize("name", ["", "classifier.pt"])
def test_a_run_folder_and_its_file_are_the_same_classifier(
    run: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = run / name
    # A classifier of before these two settings.
    assert read_classifier_card(place) == {**CARD, "intensity": "declared", "cache_bits": 8}
    with caplog.at_level(logging.INFO):
        loaded = load_classifier(network(seed=1), place)
    images, _ = views(3)
    torch.testing.assert_close(loaded(images), network(seed=5)(images), rtol=0, atol=0)
    assert "epoch 3, stage 4, 2 labels" in caplog.text


@pytest.mark.parametrize(
    ("content", "intensity", "bits"),
    [
        ({"settings": {"cache_bits": 16}}, "declared", 16),
        ({"settings": {"cache_bits": "auto"}, "cache_bits": 16, "intensity": "picture"}, "picture", 16),
    ],
)
def test_how_grey_values_are_scaled_and_rounded(run: Path, content: dict[str, Any], intensity: str, bits: int) -> None:
    (run / "classifier.json").write_text(json.dumps({**CARD, **content}))
    card = read_classifier_card(run)
    assert (card["intensity"], card["cache_bits"]) == (intensity, bits)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, r"cannot be read \(FileNotFoundError\): it lies beside"),
        ("{", r"cannot be read \(JSONDecodeError\)"),
        ("3", "not a JSON object"),
        (json.dumps({k: v for k, v in CARD.items() if k not in ("mean", "kind")}), "lacks kind, mean"),
    ],
)
def test_without_its_card_it_is_of_no_use(run: Path, content: str | None, text: str) -> None:
    (run / "classifier.json").unlink()
    if content is not None:
        (run / "classifier.json").write_text(content)
    with pytest.raises(WeightsError, match=text):
        load_classifier(network(), run)


def test_the_earlier_name_of_the_resize_mode_is_read(run: Path) -> None:
    earlier = {("decode_fit" if name == "resize_mode" else name): value for name, value in CARD.items()}
    (run / "classifier.json").write_text(json.dumps(earlier))
    card = read_classifier_card(run)
    assert card.resize_mode == card["resize_mode"] == card["decode_fit"] == "shorter"
    assert '"resize_mode": "shorter"' in card.text()
    assert "decode_fit" not in card.text()


def test_a_network_that_it_does_not_fit_is_left_as_it_is(run: Path) -> None:
    other = network(classes=3)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(WeightsError, match=r"2 of its tensors are .* first head\.weight"):
        load_classifier(other, run)
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_a_changed_byte_is_seen(run: Path) -> None:
    path = run / "classifier.pt"
    content = bytearray(path.read_bytes())
    head = network(seed=5).head.weight.detach().numpy().tobytes()
    content[content.index(head) + 3] ^= 0x01  # of a weight: torch.load itself would take it
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["head.weight"].shape == (2, 128)
    with pytest.raises(WeightsError, match=r"could not be read as weights \(BadZipFile\): it is damaged"):
        load_classifier(network(), run)
