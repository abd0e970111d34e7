"""A finished fine-tuning is tested only if it began with the encoder that the study has now."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from monai.networks.nets import ResNet

from monai_mocoi.networks.weights import weights_sha256
from monai_mocoi.study import run_study
from tests.bundles.conftest import SMALL_BACKBONE

from .plans import node
from .scripts import order, written


def _put_encoder(path: Path, value: float) -> str:
    network = ResNet(**{name: given for name, given in SMALL_BACKBONE.items() if name != "_target_"})
    torch.nn.init.constant_(network.conv1.weight, value)
    torch.save(network.state_dict(), path)
    return weights_sha256(network.state_dict())


def test_a_finished_run_of_another_encoder_is_not_tested(tmp_path: Path) -> None:
    encoder = tmp_path / "runs" / "mse" / "encoder.pt"
    encoder.parent.mkdir(parents=True)
    before, now = (_put_encoder(encoder, value) for value in (1.0, 2.0))
    noted = [sys.executable, "-c", "import sys; open('order.txt', 'a').write(sys.argv[1] + ' ')"]
    begun = [*noted, "trained", "--pretrained", "runs/mse/encoder.pt", "--resume", "true"]
    written(tmp_path, node("a", commands=(begun, [*noted, "tested"])))
    (tmp_path / "runs" / "a").mkdir()
    manifest = tmp_path / "runs" / "a" / "manifest.json"
    (tmp_path / "runs" / "a" / "config.json").write_text("{}")
    manifest.write_text(json.dumps({"status": "finished", "results": {"pretrained_sha256": before}}))
    result = run_study(tmp_path, lambda line: None)
    assert f"had the SHA-256 {before}, and the encoder now has {now}. Remove the step" in result.failed["a"]
    assert order(tmp_path) == []
    manifest.write_text(json.dumps({"status": "finished", "results": {"pretrained_sha256": now}}))
    assert run_study(tmp_path, lambda line: None).exit_code == 0
    assert order(tmp_path) == ["tested"]
