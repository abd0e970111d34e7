"""Files as RadImageNet, lightly, MoCo v3, solo-learn, mmselfsup, VISSL, BYOL and DINO write them, of small ResNets."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import StageEncoder, load_pretrained, read_weights
from tests.networks.small import small_resnet

Tensors = Mapping[str, torch.Tensor]


def drawn(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    encoder = StageEncoder(small_resnet())
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.01)
            torch.nn.init.normal_(module.bias, 0.5, 0.1)
    return dict(encoder.backbone.state_dict())


OWN, OTHER = drawn(0), drawn(1)


def below(prefix: str, state: Tensors) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in state.items()}


def numbered(state: Tensors) -> dict[str, torch.Tensor]:
    """The names that ``nn.Sequential(*network.children())`` gives: torch's own, not ours."""
    network = small_resnet()
    network.load_state_dict(state)
    return dict(torch.nn.Sequential(*list(network.children())).state_dict())


def embedding(state: Tensors | StageEncoder) -> torch.Tensor:
    encoder = state if isinstance(state, StageEncoder) else StageEncoder(small_resnet())
    if encoder is not state:
        encoder.backbone.load_state_dict(state)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found: torch.Tensor = encoder.eval()(images).embedding
    return found


def loaded(path: Path) -> tuple[torch.Tensor, Any]:
    encoder = StageEncoder(small_resnet())
    report = load_pretrained(encoder, path).report
    return embedding(encoder), report


def test_the_numbers_are_those_of_torchs_sequential() -> None:
    names = numbered(OWN)
    assert {name.partition(".")[0] for name in names} == {"0", "1", "4", "5", "6", "7"}
    assert embedding(OWN).std() > 0.01
    assert not torch.allclose(embedding(OWN), embedding(OTHER), atol=0.1)


LOADS: dict[str, tuple[dict[Any, Any], str, tuple[str, ...]]] = {
    "RadImageNet": (below("backbone.", numbered(OWN)), "backbone.", ()),
    "a Sequential alone": (numbered(OWN), "", ()),
    "a Sequential with its classification layer": ({**numbered(OWN), "9.weight": torch.ones(3, 128)}, "", ()),
    "lightly": (
        {"state_dict": {**below("backbone_momentum.", numbered(OTHER)), **below("backbone.", numbered(OWN))}},
        "backbone.",
        ("state_dict.backbone_momentum.",),
    ),
    "MoCo v3": (
        {
            "epoch": 3,
            "state_dict": {**below("module.base_encoder.", OWN), **below("module.momentum_encoder.", OTHER)},
            "optimizer": {"state": {0: {"mu": torch.ones(2)}}},
        },
        "module.base_encoder.",
        ("state_dict.module.momentum_encoder.",),
    ),
    "solo-learn": (
        {"state_dict": {**below("momentum_backbone.", OTHER), **below("backbone.", OWN)}},
        "backbone.",
        ("state_dict.momentum_backbone.",),
    ),
    "mmselfsup, which stores the query encoder twice": (
        {"state_dict": {**below("backbone.", OWN), **below("encoder_q.0.", OWN), **below("encoder_k.0.", OTHER)}},
        "backbone.",
        ("state_dict.encoder_k.0.",),
    ),
    "mmselfsup's BYOL": (
        {"state_dict": {**below("online_net.0.", OWN), **below("target_net.module.0.", OTHER)}},
        "online_net.0.",
        ("state_dict.target_net.module.0.",),
    ),
    "VISSL": (
        {
            "classy_state_dict": {
                "loss": below("moco_encoder.trunk._feature_blocks.", OTHER),
                "base_model": {"model": {"trunk": below("_feature_blocks.", OWN), "heads": {"x": torch.ones(1)}}},
            }
        },
        "_feature_blocks.",
        ("classy_state_dict.loss.moco_encoder.trunk._feature_blocks.",),
    ),
    "an EMA beside": ({"state_dict": OWN, "state_dict_ema": OTHER}, "", ("state_dict_ema.",)),
    "camel case": ({**below("encoderQ.", OWN), **below("encoderEMA.", OTHER)}, "encoderQ.", ("encoderEMA.",)),
    "before the first step, when both are the same": (
        {**below("encoder_k.", OWN), **below("encoder_q.", OWN)},
        "encoder_q.",
        ("encoder_k.",),
    ),
    "a word that only begins like an average's": (below("keypoint_targets.", OWN), "keypoint_targets.", ()),
}


@pytest.mark.parametrize("kind", LOADS)
def test_the_forward_pass_is_that_of_the_source(kind: str, tmp_path: Path) -> None:
    content, prefix, averages = LOADS[kind]
    torch.save(content, tmp_path / "w.pth")
    features, report = loaded(tmp_path / "w.pth")
    assert torch.equal(features, embedding(OWN))
    assert (report.prefix, report.averages) == (prefix, averages)
    assert not report.missing
    assert all(repr(place) in str(report) for place in averages)


def test_the_layer_behind_a_sequential_is_fc(tmp_path: Path) -> None:
    torch.save(LOADS["a Sequential with its classification layer"][0], tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth").resnet["fc.weight"].shape == (3, 128)


REFUSED: dict[str, tuple[dict[Any, Any], str, int]] = {
    "two of equal rank": ({**below("left.", OTHER), **below("right.", OWN)}, "several ResNets", 1),
    "DINO": ({"student": below("module.backbone.", OTHER), "teacher": below("backbone.", OWN)}, "several ResNets", 1),
    "lightly's DINO": (
        {"state_dict": {**below("student_backbone.", OTHER), **below("teacher_backbone.", numbered(OWN))}},
        "several ResNets",
        1,
    ),
    "an average alone": ({"state_dict": below("module.encoder_k.", OWN)}, "moving average of another", 0),
    "a whole state dict named so": ({"model_ema": OWN}, "moving average of another", 0),
    "quotes in a name": ({"it's": OTHER, 'a "b"': OWN}, "several ResNets", 1),
}


def run_in_place(text: str, number: int) -> None:
    """Run a line of an error as a shell would."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("python -c ")]
    python, option, code = shlex.split(lines[number])
    assert (python, option) == ("python", "-c")
    exec(code, {})


@pytest.mark.parametrize("kind", REFUSED)
def test_the_line_that_cuts_one_out(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, words, number = REFUSED[kind]
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "with space"
    folder.mkdir()
    torch.save(content, folder / "w.pth")
    with pytest.raises(WeightsError, match=words) as refused:
        read_weights("with space/w.pth")
    run_in_place(str(refused.value), number)
    features, report = loaded(tmp_path / "one.pt")
    assert torch.equal(features, embedding(OWN))
    assert not report.unexpected


def test_the_line_for_a_safetensors_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    safetensors.torch.save_file({**below("left.", OTHER), **below("right.", OWN)}, "w.safetensors")
    with pytest.raises(WeightsError) as refused:
        read_weights("w.safetensors")
    run_in_place(str(refused.value), 1)
    assert torch.equal(loaded(tmp_path / "one.pt")[0], embedding(OWN))


@pytest.mark.parametrize("whole", [False, True])
def test_the_line_that_keeps_the_tensors_alone(whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = small_resnet()
    network.load_state_dict(OWN)
    torch.save(network if whole else {"args": Namespace(lr=1), "model": {"epoch": 1, **OWN}}, "w.pth")
    with pytest.raises(WeightsError, match="could run any code") as refused:
        read_weights("w.pth")
    run_in_place(str(refused.value), 0)
    assert torch.equal(loaded(tmp_path / "plain.pt")[0], embedding(OWN))
