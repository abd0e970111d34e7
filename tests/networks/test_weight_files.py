from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import StageEncoder, read_card, read_weights
from tests.networks.small import small_moco, small_resnet


def named(prefix: str, state: Mapping[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in (state or small_resnet().state_dict()).items()}


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "encoder.", "module.backbone.", "encoder.backbone."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_wrappers_and_prefixes(tmp_path: Path, prefix: str, wrapper: str | None) -> None:
    plain = small_resnet().state_dict()
    state = {**named(prefix, plain), "other.weight": torch.ones(2)}
    torch.save({"epoch": 3, wrapper: state, "optimizer": {"state": {}}} if wrapper else state, tmp_path / "w.pth")
    file = read_weights(tmp_path / "w.pth")
    assert file.prefix == prefix
    expected = {**plain, **({} if prefix else {"other.weight": torch.ones(2)})}
    assert set(file.resnet) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in file.resnet.items())
    assert set(file.rest) == ({"other.weight"} if prefix else set())
    assert file.card is None


@pytest.mark.parametrize("old_format", [False, True])
def test_the_official_moco_file(tmp_path: Path, old_format: bool) -> None:
    query, key = small_resnet().state_dict(), small_resnet().state_dict()
    state = {
        **named("module.encoder_q.", query),
        **named("module.encoder_q.fc.", {"0.weight": torch.ones(8, 8), "0.bias": torch.ones(8)}),
        **named("module.encoder_k.", key),
        "module.queue": torch.ones(4, 8),
    }
    content = {"epoch": 200, "arch": "resnet50", "state_dict": state, "optimizer": {"param_groups": [{"lr": 0.03}]}}
    torch.save(content, tmp_path / "moco.pth.tar", _use_new_zipfile_serialization=not old_format)
    file = read_weights(tmp_path / "moco.pth.tar")
    assert file.prefix == "module.encoder_q."
    assert all(torch.equal(file.resnet[name], value) for name, value in query.items())
    assert "module.queue" in file.rest
    assert "fc.0.weight" in file.resnet


def test_a_pretraining_checkpoint_gives_the_query_encoder_and_its_settings(tmp_path: Path) -> None:
    moco = small_moco("barlow")
    with torch.no_grad():
        for parameter in moco.query_encoder.parameters():
            parameter.add_(1)
    settings = {"mean": 0.5, "std": 0.25, "channels": 1, "image_size": 32, "method": "barlow"}
    content = {"format": 1, "iteration": 4, "settings": settings, "network": moco.state_dict(), "processes": [{}]}
    torch.save(content, tmp_path / "checkpoint_000000004.pt")
    file = read_weights(tmp_path / "checkpoint_000000004.pt")
    assert file.card == settings
    own = moco.query_encoder.backbone.state_dict()
    assert file.resnet.keys() == own.keys()
    assert all(torch.equal(file.resnet[name], value) for name, value in own.items())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_safetensors_by_their_content(tmp_path: Path, suffix: str) -> None:
    state = small_resnet().state_dict()
    safetensors.torch.save_file(state, tmp_path / f"w{suffix}")
    file = read_weights(tmp_path / f"w{suffix}")
    assert file.resnet.keys() == state.keys()
    assert all(torch.equal(file.resnet[name], value) for name, value in state.items())


def damaged(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "flipped":  # in the middle of a tensor
        place = len(whole) // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    else:
        path.write_bytes({"half": whole[: len(whole) // 2], "empty": b"", "text": b"<html>Not found</html>"}[how])


@pytest.mark.parametrize(
    ("kind", "how"),
    # A changed byte is seen where the format has check sums.
    [*itertools.product(["zip", "old", "safetensors"], ["half", "empty", "text"]), ("zip", "flipped")],
)
def test_damaged_files(tmp_path: Path, kind: str, how: str) -> None:
    path = tmp_path / "w.pt"
    if kind == "safetensors":
        safetensors.torch.save_file(small_resnet().state_dict(), path)
    else:
        torch.save(small_resnet().state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    damaged(path, how)
    with pytest.raises(WeightsError, match=r"'w.pt' could not be read as a weights file .*damaged, cut short"):
        read_weights(path)


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("touched"),)


def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": small_resnet().state_dict(), "x": _Code()}, "w.pt")
    with pytest.raises(WeightsError, match="could run any code"):
        read_weights("w.pt")
    assert not Path("touched").exists()
    torch.save({"model": small_resnet().state_dict(), "args": argparse.Namespace(lr=1)}, "w.pt")
    with pytest.raises(WeightsError, match=r"more than tensors \(argparse.Namespace\)"):
        read_weights("w.pt")


def test_what_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there is no weights file 'x.pt'") as refused:
        read_weights(tmp_path / "x.pt")
    assert refused.value.exit_code == 2
    assert str(tmp_path) not in str(refused.value)
    with pytest.raises(WeightsError, match=r"is a folder: name the file in it"):
        read_weights(tmp_path)
    torch.save([1, 2], tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="holds a list, not a state dict"):
        read_weights(tmp_path / "x.pt")
    torch.save({"patch_embed.weight": torch.ones(1)}, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match=r"holds no ResNet \(it begins with: patch_embed.weight\)"):
        read_weights(tmp_path / "x.pt")


def test_card(tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    torch.save(StageEncoder(small_resnet()).state_dict(), path)
    assert read_card(path) is None
    (tmp_path / "encoder.json").write_text(json.dumps({"mean": 0.5}))
    assert read_card(path) == {"mean": 0.5}
    assert read_weights(path).card == {"mean": 0.5}
    for text, match in (("{", "cannot be read"), ("[1]", "not a JSON object")):
        (tmp_path / "encoder.json").write_text(text)
        with pytest.raises(WeightsError, match=f"encoder.json .*{match}"):
            read_weights(path)
