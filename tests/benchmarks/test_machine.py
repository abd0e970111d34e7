"""The highest memory of a process is its own, whatever the size of the process that started it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.machine import peak_mib

PEAK = "from benchmarks.machine import peak_mib; print(peak_mib())"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell it for a process alone")
def test_the_peak_of_a_child_does_not_begin_with_that_of_its_parent(repository: object) -> None:
    held = bytearray(b"1") * (200 * 2**20)
    assert peak_mib() > len(held) / 2**20
    done = subprocess.run([sys.executable, "-c", PEAK], cwd=str(repository), capture_output=True, text=True, check=True)
    assert 1 < float(done.stdout) < 150
