"""A node's lock is held by its driver, and by the command that a killed driver left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from monai_mocoi.study.node_lock import node_lock


def test_a_second_driver_does_not_get_it(tmp_path: Path) -> None:
    with node_lock(tmp_path / "a.lock") as (held, files):
        assert held
        assert len(files) == 1
        with node_lock(tmp_path / "a.lock") as (second, none):
            assert (second, none) == (False, ())
        with node_lock(tmp_path / "b.lock") as (other, _):
            assert other
    with node_lock(tmp_path / "a.lock") as (again, _):
        assert again


def test_the_command_of_a_driver_that_is_gone_still_holds_it(tmp_path: Path) -> None:
    with node_lock(tmp_path / "a.lock") as (_, files):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=files)
    with node_lock(tmp_path / "a.lock") as (held, _):
        assert not held
    child.communicate(b"\n")
    with node_lock(tmp_path / "a.lock", wait=True) as (held, _):
        assert held
