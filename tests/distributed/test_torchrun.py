from __future__ import annotations

import subprocess
import sys

import pytest

from monai_mocoi.distributed.torchrun import started_by_torchrun, torchrun_rank, torchrun_world_size


def test_the_processes_are_those_that_torchrun_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")  # these two alone may come from elsewhere
    assert (started_by_torchrun(), torchrun_rank(), torchrun_world_size()) == (False, 0, 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert (started_by_torchrun(), torchrun_rank(), torchrun_world_size()) == (True, 3, 4)


def test_it_is_read_without_torch() -> None:
    code = "import sys, monai_mocoi.distributed.torchrun; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
