from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from monai_mocoi.errors import StudyError
from monai_mocoi.study import engine
from monai_mocoi.study.engine import PYTHON, SNAKEFILE, engine_command, engine_environment
from tests.study.plans import node, plan


@pytest.fixture
def words(tmp_path, monkeypatch):
    """The words for Snakemake on a machine with eight processors and two GPUs."""
    monkeypatch.setattr(engine, "usable_cpus", lambda: 8)
    monkeypatch.setattr(engine, "gpus", lambda: ["0", "1"])
    monkeypatch.setattr(engine, "_snakemake", lambda: "/snakemake")

    def given(*own, gpu=0):
        resources = {"gpu": gpu, "cores": 1, "minutes": 1, "memory_mb": 1000}
        return engine_command(tmp_path, plan(node("a", resources=resources)), own)

    return given


def after(words: list[str], name: str) -> list[str]:
    start = len(words) - 1 - words[::-1].index(name) + 1
    return words[start : next((i for i in range(start, len(words)) if words[i].startswith("-")), len(words))]


def test_what_would_train_again_or_block_is_left_out(words, tmp_path):
    command = words("--jobs", "4")
    assert command[:5] == ["/snakemake", "--snakefile", str(SNAKEFILE), "--directory", str(tmp_path)]
    assert after(command, "--rerun-triggers") == ["mtime", "input"]
    assert {"--rerun-incomplete", "--nolock", "--keep-going"} < set(command)
    assert after(command, "--retries") == ["3"]
    assert command[-2:] == ["--jobs", "4"]


def test_what_the_user_says_comes_last(words):
    assert after(words("--retries", "9", "--cores", "2"), "--retries") == ["9"]


@pytest.mark.parametrize("place", ["--cores=3", "-c3", "-j", "--executor", "--profile=x"])
def test_a_word_on_where_to_run_is_enough(words, place):
    command = words(place, gpu=1)
    assert command[-1] == place
    # With the cores of this machine its GPUs too, else steps would hold cores while they wait for a GPU.
    assert ("--resources" in command) == place.startswith(("--cores", "-c"))
    assert sum(word.startswith("--cores") for word in command) == place.startswith("--cores")


def test_without_one_it_is_this_machine(words):
    assert words()[-2:] == ["--cores", "8"]
    assert after(words(gpu=1), "--resources") == ["gpu=2"]
    assert "gpu=2" not in words("--resources", "mem_mb=9", gpu=1)
    assert after(words("-n", gpu=1), "--cores") == ["8"]


def test_no_snakemake_says_how_to_have_one(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(StudyError, match=r"pip install 'monai-mocoi\[study\]'"):
        engine_command(tmp_path, plan(node("a")), [])
    monkeypatch.setattr(shutil, "which", lambda name: f"/elsewhere/{name}")
    assert engine_command(tmp_path, plan(node("a")), [])[0] == "/elsewhere/snakemake"
    (tmp_path / "snakemake").touch(0o755)
    assert engine_command(tmp_path, plan(node("a")), [])[0] == str(tmp_path / "snakemake")


def test_the_engine_knows_this_python():
    assert engine_environment()[PYTHON] == sys.executable
    assert Path(SNAKEFILE).is_file()
