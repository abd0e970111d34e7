from __future__ import annotations

import subprocess
import sys

import pytest

from monai_mocoi.data import parallel
from monai_mocoi.distributed.torchrun import (
    started_by_torchrun,
    torchrun_local_world_size,
    torchrun_rank,
    torchrun_world_size,
)


def test_the_processes_are_those_that_torchrun_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")  # these two alone may come from elsewhere
    assert (started_by_torchrun(), torchrun_rank(), torchrun_world_size()) == (False, 0, 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert (started_by_torchrun(), torchrun_rank(), torchrun_world_size()) == (True, 3, 4)


def test_of_the_processes_on_this_machine_each_has_its_share_of_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "usable_cpus", lambda: 7)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")  # alone it may come from elsewhere
    assert (torchrun_local_world_size(), parallel.share_of_cpus()) == (1, 7)
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")
    assert (torchrun_local_world_size(), parallel.share_of_cpus()) == (3, 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert parallel.share_of_cpus() == 1


def test_it_is_read_without_torch() -> None:
    code = "import sys, monai_mocoi.distributed.torchrun; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
