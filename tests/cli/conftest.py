"""Config files of a test's own, and the command in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from monai_mocoi.cli.app import app

CONFIG = {
    "imports": ["$import os", "$import sys"],
    "bundle": "small",
    "dataset_dir": "demo",
    "output_dir": "$os.path.join('runs', @bundle)",
    "demo": "$@dataset_dir == 'demo'",
    "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
    "batch_size": "$32 if @demo else 64",
    "max_epochs": "$6 if @demo else 100",
    "learning_rate": "$0.2 * @batch_size / 256",
    "mean": 0.5,
    "cosine": True,
    "max_grad_norm": None,
    "head": "mlp",
    "crop_area": [0.8, 1.0],
    "sizes": [16, 4],
    "settings": {
        name: f"@{name}"
        for name in (
            *("bundle", "device", "batch_size", "max_epochs", "learning_rate", "mean", "cosine", "max_grad_norm"),
            *("head", "crop_area", "sizes"),
        )
    },
    "norm": {"_target_": "monai.transforms.NormalizeIntensity", "channel_wise": "$isinstance(@mean, list)"},
    "train": {"preprocessing": "@norm", "trainer": {"max_epochs": "@max_epochs", "momentum": "@mean"}},
    "run": ["$print('RAN', @settings)"],
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a config file; returns its path."""

    def write(content: Any = CONFIG, name: str = "train.json") -> str:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture(autouse=True)
def _empty_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository may hold runs, which would have a say in a plan."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def mocoi() -> Callable[..., Result]:
    """Run the command in this process."""
    return lambda *words: CliRunner().invoke(app, list(words), prog_name="mocoi")
