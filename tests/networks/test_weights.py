from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import safetensors.torch
import torch
from monai.networks.nets import resnet18, resnet50

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import (
    StageEncoder,
    WeightFile,
    encoder_state_dict,
    load_encoder,
    save_encoder,
    weights_sha256,
)
from monai_mocoi.networks.weights import load_weights
from tests.networks.small import small_resnet, torchvision_layout

W = "w.pt"
PLAIN = {"spatial_dims": 2, "n_input_channels": 3, "bias_downsample": False, "feed_forward": False}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_round_trip_and_card(tmp_path: Path) -> None:
    encoder = StageEncoder(small_resnet()).to(memory_format=torch.channels_last)
    save_encoder(
        tmp_path / "run" / "encoder.pt", encoder, {"method": "moco", "mean": 0.5, "device": torch.device("cpu")}
    )
    assert json.loads((tmp_path / "run" / "encoder.json").read_text()) == {
        "format": 1,
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
    del state["bn1.num_batches_tracked"]  # files of old versions of torch have no counters
    torch.save({"state_dict": {f"module.{n}": v for n, v in {**state, "fc.weight": torch.zeros(2, 2)}.items()}}, W)
    report = load_encoder(StageEncoder(small_resnet()), W)
    assert report.missing == ("bn1.num_batches_tracked",)
    assert report.unexpected == ("fc.weight",)
    expected = "matched (below 'module.'), 1 missing: bn1.num_batches_tracked, 1 unexpected: fc.weight"
    assert f"{len(report.matched)} {expected}" == str(report)


def test_a_classification_layer_is_left_as_it_is(tmp_path: Path) -> None:
    network = torchvision_layout("basic", (1, 1, 1, 1), 2)
    before = network.fc.weight.clone()  # type: ignore[union-attr,operator]
    torch.save(torchvision_layout("basic", (1, 1, 1, 1), 3).state_dict(), W)
    assert load_encoder(network, W).unexpected == ("fc.weight", "fc.bias")
    assert torch.equal(network.fc.weight, before)


def refused(state: dict[str, torch.Tensor], match: str) -> None:
    torch.save(state, W)
    encoder = StageEncoder(small_resnet())
    before = {name: value.clone() for name, value in encoder.backbone.state_dict().items()}
    with pytest.raises(WeightsError, match=match):
        load_encoder(encoder, W)
    assert all(torch.equal(before[name], value) for name, value in encoder.backbone.state_dict().items())


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    state = encoder_state_dict(StageEncoder(small_resnet()))
    refused({"layer1.0.conv1.weight": torch.zeros(4, 4, 3, 3)}, r"layer1.0.conv1.weight has shape \(4, 4, 3, 3\)")
    refused({n: v for n, v in state.items() if n != "conv1.weight"}, r"lacks 1 of .* \(conv1.weight\)")
    refused(
        {**state, "layer1.1.conv1.weight": torch.zeros(1)}, r"has 1 that the encoder lacks \(layer1.1.conv1.weight\)"
    )
    refused(
        {**state, "conv1.weight": state["conv1.weight"][:, :1]}, r"of 1 channels, this encoder of 3.*=1.*three equal"
    )
    refused({**state, "conv1.weight": state["conv1.weight"][:2]}, r"\(2, 3, 7, 7\).*\(4, 3, 7, 7\).*same depth, width")
    for value in (math.nan, math.inf):
        refused({**state, "bn1.running_mean": torch.full((4,), value)}, "bn1.running_mean .* NaN or infinite")


def test_another_resnet_is_named() -> None:
    with torch.device("meta"):
        encoder = StageEncoder(resnet50(**PLAIN))
        state = resnet18(**PLAIN).state_dict()
    with pytest.raises(WeightsError, match=r"'w.pt' holds a resnet18, but this encoder is a resnet50: set arch"):
        load_weights(encoder, WeightFile(state, "", {}, None), W)


def test_zero_matched_fails() -> None:
    torch.save(small_resnet().state_dict(), W)
    with pytest.raises(WeightsError, match=r"no weight of 'w.pt' fits this encoder \(0 matched"):
        load_encoder(torch.nn.Linear(2, 2), W)


def test_the_hash_is_of_names_and_values_not_of_the_file(tmp_path: Path) -> None:
    encoder = StageEncoder(small_resnet())
    state = encoder_state_dict(encoder)
    digest = weights_sha256(state)
    torch.save(state, W)
    safetensors.torch.save_file(state, "w.safetensors")
    assert weights_sha256(torch.load(W)) == weights_sha256(safetensors.torch.load_file("w.safetensors")) == digest
    assert weights_sha256(dict(reversed(state.items()))) == digest
    assert weights_sha256(encoder.to(memory_format=torch.channels_last).backbone.state_dict()) == digest
    weight = state["conv1.weight"]
    changed = weight.clone()
    changed.view(-1)[0] = torch.nextafter(changed.view(-1)[0], torch.tensor(9.0))
    others = [
        {**state, "conv1.weight": changed},
        {**state, "conv1.weight": weight.reshape(-1)},
        {**state, "conv1.weight": weight.view(torch.int32)},
        {**{n: v for n, v in state.items() if n != "conv1.weight"}, "conv2.weight": weight},
    ]
    assert len({digest, *map(weights_sha256, others)}) == 5
