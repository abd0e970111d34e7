"""The real commands, in processes of their own: few, for each takes seconds of imports."""

from __future__ import annotations

import json

import pytest

from monai_mocoi import __version__
from monai_mocoi.demo import generate_demo
from tests.bundles.conftest import BUNDLES
from tests.support.commands import SHORT, command, small_network

CONFIGS = BUNDLES / "nih_moco" / "configs"


def test_as_a_module(tmp_path):
    assert command("monai_mocoi", "--version", cwd=tmp_path).stdout == f"mocoi {__version__}\n"


@pytest.mark.slow
def test_a_run_is_refused_or_finished_with_one_message_and_a_code(tmp_path):
    dataset = generate_demo(tmp_path / "chest", patients=12, size=40, progress=False)
    words = ["monai_mocoi", "run", CONFIGS / "train.json", small_network(tmp_path), *SHORT, "--head-hidden=16"]
    words += ["--queue_max_share", "$None"]
    missing = command(*words, "--dataset_dir", "nowhere", cwd=tmp_path)
    assert missing.returncode == 3
    assert missing.stderr.startswith("error: dataset_dir is 'nowhere', which does not exist")
    assert "Traceback" not in missing.stderr + missing.stdout
    assert "monai.bundle" not in missing.stderr + missing.stdout
    words += [
        "--dataset_dir",
        dataset,
        "--cosine",
        "false",
        "--max_grad_norm",
        "none",
        "--train#inferer#_disabled_=false",
    ]
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "runs" / "nih_moco" / "pretrain" / "config.json").read_text())
    assert (settings["cosine"], settings["queue_max_share"], settings["max_grad_norm"]) == (False, None, None)
    assert (settings["head_hidden"], settings["max_epochs"]) == (16, 1)
    again = command(*words, cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.count("already holds a run") == 1
    assert "Traceback" not in again.stderr + again.stdout


@pytest.mark.slow
def test_two_processes(tmp_path):
    dataset = generate_demo(tmp_path / "chest", patients=16, size=40, progress=False)
    words = [
        "torch.distributed.run", "--standalone", "--nproc_per_node", 2, "-m", "monai_mocoi", "run",
        CONFIGS / "train.json", small_network(tmp_path), *SHORT,
        "--dataset_dir", dataset,
    ]  # fmt: skip
    refused = command(*words, "--max_epoch", "1", cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert refused.returncode != 0
    assert refused.stderr.count("did you mean max_epochs?") == 1
    done = command(*words, cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "nih_moco" / "pretrain" / "encoder.pt").is_file()
