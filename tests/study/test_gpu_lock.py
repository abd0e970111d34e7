from __future__ import annotations

import multiprocessing
import os
import subprocess
import tempfile

import pytest

from monai_mocoi.study import gpu_lock
from monai_mocoi.study.gpu_lock import VISIBLE, gpus, pinned_gpus

LISTED = """GPU 0: NVIDIA H200 (UUID: GPU-aaa)
GPU 1: NVIDIA H200 (UUID: GPU-bbb)
  MIG 1g.18gb     Device  0: (UUID: MIG-b1)
  MIG 1g.18gb     Device  1: (UUID: MIG-b2)
GPU 2: NVIDIA H200 (UUID: GPU-ccc)
"""


@pytest.fixture(autouse=True)
def _own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    for name in gpu_lock._JOBS:
        monkeypatch.delenv(name, raising=False)


def test_a_gpu_that_is_divided_counts_as_its_parts(monkeypatch):
    monkeypatch.delenv(VISIBLE, raising=False)
    answered = subprocess.CompletedProcess([], 0, LISTED, "")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: answered)
    assert gpus() == ["GPU-aaa", "MIG-b1", "MIG-b2", "GPU-ccc"]


@pytest.mark.parametrize(("visible", "found"), [("1, 3", ["1", "3"]), ("", []), ("-1", []), ("GPU-x", ["GPU-x"])])
def test_those_that_are_visible_are_those_that_may_be_used(monkeypatch, visible, found):
    monkeypatch.setenv(VISIBLE, visible)
    assert gpus() == found


def test_a_machine_without_any(monkeypatch):
    monkeypatch.delenv(VISIBLE, raising=False)

    def missing(*words, **options):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    assert gpus() == []
    with pinned_gpus(1, hide=True) as own:
        assert (own, VISIBLE in os.environ) == ([], False)


def test_each_step_has_its_own_and_gives_it_back(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0,1")
    with pinned_gpus(1) as first:
        assert (first, os.environ[VISIBLE]) == (["0"], "0")
        os.environ[VISIBLE] = "0,1"  # as another process sees it
        with pinned_gpus(1) as second:
            assert (second, os.environ[VISIBLE]) == (["1"], "1")
    assert os.environ[VISIBLE] == "0,1"
    with pinned_gpus(5) as both:
        assert both == ["0", "1"]


def test_a_step_that_needs_none_sees_none_or_all(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0,1")
    with pinned_gpus(0):
        assert os.environ[VISIBLE] == "0,1"
    with pinned_gpus(0, hide=True):
        assert os.environ[VISIBLE] == ""


def test_it_waits_while_all_are_held_and_a_killed_holder_holds_none(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0")
    holder = multiprocessing.get_context("fork").Process(target=_hold_until_killed)
    holder.start()
    looked = []

    def look_again(seconds):
        if looked:
            holder.kill()
            holder.join()
        looked.append(seconds)

    while _is_free():  # until it holds it
        pass
    monkeypatch.setattr(gpu_lock.time, "sleep", look_again)
    with pinned_gpus(1) as own:
        assert own == ["0"]
    assert len(looked) >= 2


def test_two_jobs_of_a_scheduler_have_each_a_gpu_0(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0")
    places = set()
    for job in ("17", "18"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        places.add(gpu_lock._lock_of("0"))
    assert len(places) == 2


def _hold_until_killed() -> None:
    with pinned_gpus(1):
        while True:
            multiprocessing.Event().wait(60)


def _is_free() -> bool:
    with gpu_lock.file_lock(gpu_lock._lock_of("0"), wait=False) as held:
        return held
