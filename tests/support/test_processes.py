from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch.distributed as dist

from tests.support.processes import in_processes


def who(rank: int) -> tuple[int, int, str, str | None]:
    return os.getpid(), dist.get_world_size(), os.getcwd(), os.environ.get("OF_THIS_TEST")


def fails(rank: int) -> None:
    if rank == 1:
        raise ValueError("the second one")
    dist.barrier()  # waits for one that does not come


def test_processes_are_kept_until_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = in_processes(who, 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OF_THIS_TEST", "yes")
    second = in_processes(who, 2)
    assert [found[0] for found in first] == [found[0] for found in second]
    assert [found[1:] for found in second] == [(2, str(tmp_path), "yes")] * 2
    with pytest.raises(RuntimeError, match="ValueError: the second one"):
        in_processes(fails, 2)
    third = in_processes(who, 2)
    assert {found[0] for found in third}.isdisjoint(found[0] for found in second)
