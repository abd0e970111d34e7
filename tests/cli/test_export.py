from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from monai_mocoi.networks import StageEncoder, save_encoder
from tests.networks.small import small_resnet
from tests.support.loaded_modules import loaded_by


@pytest.fixture
def encoder(tmp_path) -> str:
    path = tmp_path / "run" / "encoder.pt"
    save_encoder(path, StageEncoder(small_resnet()), {"mean": 0.5, "std": 0.25, "channels": 1, "image_size": 32})
    return str(path)


def test_what_was_written_and_how_to_use_it(mocoi, encoder):
    result = mocoi("export", encoder, "--to", "monai", "--out", "mine.safetensors")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "Written: mine.safetensors and mine.json (bottleneck [1, 1, 1, 1] [4, 8, 16, 32], encoder)"
    assert lines[1].startswith("Tried in MONAI")
    assert lines[2].startswith("Opens with: monai.networks.nets.ResNet('bottleneck', [1, 1, 1, 1]")
    assert lines[3] == "Images: values 0..1, then (value - 0.5) / 0.25, 32 x 32; grey, repeated to three equal channels"
    assert json.loads(Path("mine.json").read_text())["proof"] in lines[1]
    again = mocoi("export", encoder, "--to", "monai", "--out", "mine.safetensors")
    assert again.exit_code == 2
    assert again.stderr.startswith("error: 'mine.safetensors' exists already")
    assert mocoi("export", encoder, "--to", "monai", "--out", "mine.safetensors", "--overwrite").exit_code == 0


def test_unknown_normalisation_is_said(mocoi, tmp_path):
    torch.save(small_resnet().state_dict(), tmp_path / "plain.pt")
    result = mocoi("export", str(tmp_path / "plain.pt"), "--to", "monai", "--out", "mine.pt")
    assert "is not known, because the weights have no JSON file beside them" in result.stdout


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"--to": "keras"}, "error: there is no layout or format 'keras'"),
        ({"--to": "torchvision"}, "error: torchvision has no ResNet of [1, 1, 1, 1]"),
        ({"--out": "mine.onnx"}, "error: the file to write is named 'mine.onnx'"),
        ({"weights": "nowhere.pt"}, "error: there is no weights file 'nowhere.pt'"),
    ],
)
def test_refusals_are_one_message(mocoi, encoder, change, text):
    given = {"weights": encoder, "--to": "monai", "--out": "mine.pt", **change}
    result = mocoi("export", given["weights"], "--to", given["--to"], "--out", given["--out"])
    assert result.exit_code == 2
    assert result.stderr.startswith(text)
    assert result.stderr.count("\n") == 1
    assert not list(Path().iterdir())


def test_help_needs_no_torch():
    done = loaded_by("export", "--help")
    assert done.returncode == 0
    assert "torchvision, timm or monai; torchscript, pt2 or onnx" in " ".join(done.stdout.split())
    assert done.stdout.endswith("LOADED []\n")
