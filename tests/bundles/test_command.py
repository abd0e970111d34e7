"""The real commands, in processes of their own: few, for each takes seconds of imports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from monai_mocoi.demo import generate_demo
from tests.bundles.conftest import BUNDLES
from tests.support.commands import SHORT, command, small_network


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate_demo(tmp_path_factory.mktemp("data") / "chest", patients=12, size=40, progress=False)


@pytest.mark.slow
def test_a_bundle_copied_alone_elsewhere_runs_from_any_folder(tmp_path: Path, small: Path) -> None:
    bundle = shutil.copytree(BUNDLES / "nih_barlow", tmp_path / "copied" / "nih_barlow")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    config = bundle / "configs" / "train.json"
    done = command(
        "monai.bundle", "run", "--config_file", config, "--dataset_dir", small, "--barlow_features", 32, *SHORT,
        cwd=elsewhere,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "runs" / "nih_barlow" / "pretrain" / "encoder.pt").is_file()
    assert "Encoder: " in done.stdout
    assert "tensorboard" in done.stdout
    again = command("monai.bundle", "run", "--config_file", config, "--dataset_dir", small, *SHORT, cwd=elsewhere)
    assert again.returncode != 0
    assert "already holds a run" in again.stderr


@pytest.mark.slow
def test_two_processes_write_one_set_of_files(tmp_path: Path, small: Path) -> None:
    configs = BUNDLES / "nih_mse" / "configs"
    files = [str(configs / "train.json"), str(small_network(tmp_path))]
    done = command(
        "torch.distributed.run", "--standalone", "--nproc_per_node", 2, "-m",
        "monai.bundle", "run", "--config_file", str(files), "--dataset_dir", small, *SHORT,
        cwd=tmp_path, CUDA_VISIBLE_DEVICES="",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "nih_mse" / "pretrain"
    assert len(list((folder / "tensorboard").iterdir())) == 1
    assert '"processes": 2' in (folder / "manifest.json").read_text()
    state = torch.load(folder / "encoder.pt", weights_only=True)
    assert not any(name.startswith("module") for name in state)
