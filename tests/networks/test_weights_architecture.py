"""Weights of each architecture: told before they are loaded, loaded under every library's names, refused for others."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import (
    ARCHITECTURES,
    Classifier,
    StageEncoder,
    WeightFile,
    architecture_of,
    load_classifier,
    load_pretrained,
    resnet,
)
from monai_mocoi.networks.architectures import ResNetShape, shape_called
from monai_mocoi.networks.resnet_shape import monai_resnet
from monai_mocoi.networks.weights import load_weights
from monai_mocoi.networks.weights_architecture import name_of_weights
from tests.networks.small import small_resnet

DEEPEST = ResNetShape("bottleneck", (3, 8, 36, 3), (64, 128, 256, 512), 3)  # a ResNet-152, which no bundle builds
NUMBERS = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7", "fc": "9"}


def made(name: str) -> dict[str, torch.Tensor]:
    """A state dict as torchvision and timm publish them: the number of each tensor in all its places, and ``fc``.

    A file of it is small, because it has each number once.
    """
    with torch.device("meta"):
        state = monai_resnet(DEEPEST if name == "resnet152" else shape_called(name), classes=1000).state_dict()
    return {
        key: torch.tensor(float(place)).to(own.dtype).expand(own.shape)
        for place, (key, own) in enumerate(state.items(), start=1)
    }


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_torchvisions_and_timms_files_are_told_and_loaded(name: str, tmp_path: Path) -> None:
    state = made(name)
    torch.save(state, tmp_path / f"{name}.pth")
    assert architecture_of(tmp_path / f"{name}.pth", "resnet152") == name
    encoder = StageEncoder(resnet(name))
    report = load_pretrained(encoder, tmp_path / f"{name}.pth").report
    assert (report.missing, report.unexpected) == ((), ("fc.weight", "fc.bias"))
    for key, value in encoder.backbone.state_dict().items():
        assert bool((value == state[key]).all()), key


def test_other_forms_of_file_are_told(tmp_path: Path) -> None:
    state = made("resnet18")
    small = {key: torch.zeros(own.shape, dtype=torch.uint8) for key, own in state.items()}
    safetensors.torch.save_file(small, tmp_path / "timm.safetensors")
    torch.save({"state_dict": {f"module.encoder_q.{key}": own for key, own in state.items()}}, tmp_path / "moco.pth")
    torch.save({f"{NUMBERS[key.split('.')[0]]}.{key.partition('.')[2]}": own for key, own in state.items()},
               tmp_path / "children.pt")  # fmt: skip
    for file in ("timm.safetensors", "moco.pth", "children.pt"):
        assert architecture_of(tmp_path / file) == "resnet18", file


def test_a_card_is_asked_before_the_weights(tmp_path: Path) -> None:
    (tmp_path / "encoder.pt").write_bytes(b"not read")
    (tmp_path / "encoder.json").write_text('{"architecture": "resnet34"}')
    (tmp_path / "classifier.json").write_text('{"architecture": "resnet101"}')
    assert architecture_of(tmp_path / "encoder.pt") == "resnet34"
    assert architecture_of(str(tmp_path)) == "resnet101"  # the folder of a run
    (tmp_path / "config.json").write_text('{"architecture": "resnet18"}')
    assert architecture_of(tmp_path / "checkpoints" / "checkpoint_000000001.pt") == "resnet18"


@pytest.mark.parametrize("told", ["{}", '{"architecture": "resnet18.a1_in1k"}', '{"architecture": ["x"]}', "damaged"])
def test_without_a_name_in_the_card_the_weights_tell(told: str, tmp_path: Path) -> None:
    for name in ("encoder", "classifier"):
        torch.save(made("resnet101"), tmp_path / f"{name}.pt")
    (tmp_path / "encoder.json").write_text(told)
    readable = told not in ('{"architecture": ["x"]}', "damaged")  # loading refuses such a card
    assert architecture_of(tmp_path / "encoder.pt") == ("resnet101" if readable else "resnet50")
    assert architecture_of(tmp_path) == "resnet101"


def test_what_nobody_can_tell_is_the_default(tmp_path: Path) -> None:
    torch.save(small_resnet().state_dict(), tmp_path / "small.pt")
    (tmp_path / "damaged.pt").write_bytes(b"?")
    for weights in (None, "none", tmp_path / "small.pt", tmp_path / "damaged.pt", tmp_path / "gone.pt", tmp_path):
        assert architecture_of(weights) == "resnet50"
        assert architecture_of(weights, "resnet18") == "resnet18"
    torch.save(made("resnet152"), tmp_path / "deep.pt")
    assert architecture_of(tmp_path / "deep.pt") == "resnet50"  # so that loading names both
    assert architecture_of(tmp_path / "deep.pt", "resnet18") == "resnet18"
    assert name_of_weights(tmp_path / "deep.pt") == "resnet152"


@pytest.mark.parametrize(("found", "wanted"), list(itertools.permutations(ARCHITECTURES, 2)))
def test_weights_of_another_one_are_refused_with_both_names_and_the_setting(found: str, wanted: str) -> None:
    with torch.device("meta"):
        encoder = StageEncoder(resnet(wanted))
    text = f"'w.pth' holds a {found}, but this encoder is a {wanted}: set architecture to {found}, or take the weights"
    with pytest.raises(WeightsError, match=text):
        load_weights(encoder, WeightFile(made(found), "", {}, None), "w.pth")


def test_what_no_bundle_builds_is_not_proposed() -> None:
    with torch.device("meta"):
        encoder = StageEncoder(resnet("resnet50"))
    with pytest.raises(WeightsError, match=r"holds a resnet152, but this encoder is a resnet50: take the weights of a"):
        load_weights(encoder, WeightFile(made("resnet152"), "", {}, None), "w.pth")


def test_a_classifier_of_another_one_is_refused_in_the_same_words(tmp_path: Path) -> None:
    card = {"labels": ["a"], "kind": "multilabel", "stage": 4, "thresholds": {"a": 0.5}, "image_size": 32}
    card |= {"decode_size": 36, "resize_mode": "crop", "channels": 1, "mean": 0.5, "std": 0.25}
    (tmp_path / "classifier.json").write_text(json.dumps(card))
    with torch.device("meta"):
        network, other = (Classifier(StageEncoder(resnet(name)), 1) for name in ("resnet18", "resnet50"))
    state = {key: torch.zeros(()).to(own.dtype).expand(own.shape) for key, own in network.state_dict().items()}
    torch.save(state, tmp_path / "classifier.pt")
    assert architecture_of(tmp_path) == "resnet18"  # of a card that does not tell
    with pytest.raises(WeightsError, match=r"'classifier.pt' holds a resnet18, but this encoder is a resnet50: set"):
        load_classifier(other, tmp_path)
