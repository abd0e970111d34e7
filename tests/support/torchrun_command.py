"""``torchrun`` itself, as a command that does not outlive its test."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def workers(torchrun: int) -> dict[int, int]:
    """Process ids of the workers that a torchrun has at this moment, by rank (Linux)."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            if int(stat.read_text().rpartition(")")[2].split()[1]) == torchrun:
                environment = dict(e.split("=", 1) for e in (stat.parent / "environ").read_text().split("\0") if e)
                if "RANK" in environment:
                    found[int(environment["RANK"])] = int(stat.parent.name)
    return found


@contextmanager
def started(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command that does not outlive the test, nor do its workers."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with open(log, "wb") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                for pid in [*workers(process.pid).values(), process.pid]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
