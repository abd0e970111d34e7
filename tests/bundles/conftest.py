"""Small dataset folders and a way to run a bundle's config in this process with a small network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow

from monai_mocoi.demo import generate_demo
from tests.bundles.colour_datasets import patches, photographs

BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
NAMES = sorted(p.name for p in BUNDLES.iterdir() if (p / "configs").is_dir() and p.name != "templates")


def some_fast(names: list[str]) -> list[Any]:
    """Bundles as a test's parameters; only those of chest X-rays among the fast tests."""
    return [name if name.startswith("nih_") else pytest.param(name, marks=pytest.mark.slow) for name in names]


def one_of_each(names: list[str]) -> list[Any]:
    """Bundles as a test's parameters; among the fast tests one of each data set, each with another method."""
    fast = ("bch_barlow", "dr_moco", "nih_mse")
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


SMALL_BACKBONE = {
    "_target_": "monai.networks.nets.ResNet",
    "block": "bottleneck",
    "layers": [1, 1, 1, 1],
    "block_inplanes": [4, 8, 16, 32],
    "spatial_dims": 2,
    "n_input_channels": 3,
    "conv1_t_stride": 2,
    "bias_downsample": False,
    "feed_forward": False,
}
SMALL = {
    "image_size": 32,
    "batch_size": 8,
    "max_epochs": 2,
    "queue_size": 12,
    "head_hidden": 16,
    "device": "cpu",
    "network_def#encoder#backbone": SMALL_BACKBONE,
}
SMALL_EVALUATION = {"device": "cpu", "network_def#encoder#backbone": SMALL_BACKBONE}
SMALL_TRAINING = {
    **SMALL_EVALUATION,
    "image_size": 32,
    "batch_size": 8,
    "max_epochs": 2,
    "pretrained": "none",
    "label_fraction": 1.0,
}


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate_demo(tmp_path_factory.mktemp("data") / "chest", patients=16, size=40, progress=False)


@pytest.fixture(scope="session")
def dataset_of(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The dataset folder that fits a bundle."""
    made = {"nih": dataset}

    def fitting(name: str) -> Path:
        data = name.split("_")[0]
        if data not in made:
            made[data] = {"bch": patches, "dr": photographs}[data](tmp_path_factory.mktemp("data") / data)
        return made[data]

    return fitting


@pytest.fixture
def workflow(
    dataset_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ConfigWorkflow]:
    """Build an (uninitialised) workflow of a bundle with small settings, in an empty current folder."""
    monkeypatch.chdir(tmp_path)

    def build(name: str, *overlays: str, **overrides: Any) -> ConfigWorkflow:
        configs = BUNDLES / name / "configs"
        settings = {**SMALL, "dataset_dir": str(dataset_of(name)), **overrides}
        if name.endswith("barlow"):
            settings |= {"barlow_features": 16}
        files = [str(configs / file) for file in ("train.json", *overlays)]
        return ConfigWorkflow(config_file=files, workflow_type="train", logging_file=False, **settings)

    return build


@pytest.fixture
def pretrained(workflow: Callable[..., ConfigWorkflow]) -> Callable[..., ConfigWorkflow]:
    """Initialise, run and finalise a bundle."""

    def run(name: str, *overlays: str, **overrides: Any) -> ConfigWorkflow:
        built = workflow(name, *overlays, **overrides)
        built.initialize()
        built.run()
        built.finalize()
        return built

    return run


@pytest.fixture
def build(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ConfigWorkflow]:
    """Initialise a config of nih_mse with small settings, in an empty current folder."""
    monkeypatch.chdir(tmp_path)

    def built(*files: str, **overrides: Any) -> ConfigWorkflow:
        base = SMALL_TRAINING if files[0] == "finetune.json" else SMALL_EVALUATION
        configs = [str(BUNDLES / "nih_mse" / "configs" / file) for file in files]
        settings = {**base, "dataset_dir": str(dataset), **overrides}
        workflow = ConfigWorkflow(config_file=configs, workflow_type="train", logging_file=False, **settings)
        workflow.initialize()
        return workflow

    return built


@pytest.fixture
def run(build: Callable[..., ConfigWorkflow]) -> Callable[..., ConfigWorkflow]:
    """Initialise, run and finalise."""

    def start(*files: str, **overrides: Any) -> ConfigWorkflow:
        workflow = build(*files, **overrides)
        workflow.run()
        workflow.finalize()
        return workflow

    return start
