from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from monai_mocoi.networks import StageEncoder, WeightsError, encoder_state_dict, load_encoder, save_encoder
from tests.networks.small import small_resnet


def test_round_trip_and_sidecar(tmp_path: Path) -> None:
    encoder = StageEncoder(small_resnet()).to(memory_format=torch.channels_last)
    save_encoder(
        tmp_path / "run" / "encoder.pt", encoder, {"method": "moco", "mean": 0.5, "device": torch.device("cpu")}
    )
    assert json.loads((tmp_path / "run" / "encoder.json").read_text()) == {
        "method": "moco",
        "mean": 0.5,
        "device": "cpu",
    }
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["encoder.json", "encoder.pt"]
    other = StageEncoder(small_resnet())
    report = load_encoder(other, tmp_path / "run" / "encoder.pt")
    assert not report.missing
    assert not report.unexpected
    assert len(report.matched) == len(encoder_state_dict(encoder))
    bare = small_resnet()
    assert load_encoder(bare, tmp_path / "run" / "encoder.pt") == report
    for name, value in encoder.backbone.state_dict().items():
        assert torch.equal(value, other.backbone.state_dict()[name])
        assert torch.equal(value, bare.state_dict()[name])


def test_file_is_a_plain_state_dict_in_torchvision_names(tmp_path: Path) -> None:
    save_encoder(tmp_path / "encoder.pt", StageEncoder(small_resnet()), {})
    state = torch.load(tmp_path / "encoder.pt", weights_only=True)
    assert {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer4.0.downsample.0.weight"} <= set(state)
    assert not any(name.startswith(("fc", "backbone")) for name in state)
    assert all(value.is_contiguous() and value.device.type == "cpu" for value in state.values())


def test_report_names_what_is_missing_and_unexpected(tmp_path: Path) -> None:
    state = encoder_state_dict(StageEncoder(small_resnet()))
    del state["conv1.weight"]
    torch.save({**state, "fc.weight": torch.zeros(2, 2)}, tmp_path / "w.pt")
    report = load_encoder(StageEncoder(small_resnet()), tmp_path / "w.pt")
    assert report.missing == ("conv1.weight",)
    assert report.unexpected == ("fc.weight",)
    assert f"{len(report.matched)} matched, 1 missing: conv1.weight, 1 unexpected: fc.weight" == str(report)


def test_zero_matched_fails_and_changes_nothing(tmp_path: Path) -> None:
    torch.save({"module.conv1.weight": torch.zeros(1)}, tmp_path / "w.pt")
    encoder = StageEncoder(small_resnet())
    before = {name: value.clone() for name, value in encoder.backbone.state_dict().items()}
    with pytest.raises(WeightsError, match=r"0 matched.*module.conv1.weight"):
        load_encoder(encoder, tmp_path / "w.pt")
    assert all(torch.equal(before[name], value) for name, value in encoder.backbone.state_dict().items())


def test_unusable_files_say_why(tmp_path: Path) -> None:
    encoder = StageEncoder(small_resnet())
    with pytest.raises(WeightsError, match="no weights file"):
        load_encoder(encoder, tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(WeightsError, match="could not be read"):
        load_encoder(encoder, tmp_path / "text.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="not a plain state dict"):
        load_encoder(encoder, tmp_path / "list.pt")
    torch.save({"conv1.weight": torch.zeros(4, 1, 7, 7)}, tmp_path / "shape.pt")
    with pytest.raises(WeightsError, match=r"conv1.weight has shape \(4, 1, 7, 7\).*\(4, 3, 7, 7\)"):
        load_encoder(encoder, tmp_path / "shape.pt")
