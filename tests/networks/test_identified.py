from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import StageEncoder, export_graph, export_weights, is_identified, save_encoder
from tests.networks.small import small_resnet


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
def test_sidecar_and_manifest_tell(tmp_path: Path, weights: str, says: str) -> None:
    (tmp_path / says).write_text(json.dumps({"identified": True}))
    assert is_identified(tmp_path / weights)


@pytest.mark.parametrize("to", ["torchvision", "torchscript"])
def test_no_export_of_what_was_trained_on_identified_data(tmp_path: Path, to: str) -> None:
    encoder = StageEncoder(small_resnet())
    save_encoder(tmp_path / "encoder.pt", encoder, {"identified": True})
    out = tmp_path / ("out.pt" if to == "torchvision" else "out.ts")
    with pytest.raises(WeightsError, match="Prepare the data without --in-place") as refused:
        (export_weights if to == "torchvision" else export_graph)(tmp_path / "encoder.pt", to, out)
    assert refused.value.exit_code == 2
    assert str(tmp_path) not in str(refused.value)
    assert not out.exists()
    assert torch.load(tmp_path / "encoder.pt", weights_only=True)
