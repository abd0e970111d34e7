"""Pinning of GPUs: each step of a study on a workstation has its own, by a lock on the device.

An engine counts GPUs, but does not say which: without this, all steps would take the first one.
"""

import hashlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from monai_mocoi.files.file_lock import file_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
_UUID = re.compile(r"UUID: ((?:GPU|MIG)-[^)\s]+)")
# Schedulers give a job its GPUs, each job under numbers that begin at 0 again.
_JOBS = ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID", "JOB_ID")
_PAUSE = 1.0  # seconds between two looks for a free one


def gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them; torch is not asked, nor loaded."""
    if (visible := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return _usable(listed)


def _usable(listed: str) -> list[str]:
    """The names in what ``nvidia-smi -L`` lists: of a GPU that is divided, its parts, which stand below it."""
    found: list[str] = []
    for name in _UUID.findall(listed):
        if name.startswith("MIG") and found and found[-1].startswith("GPU"):
            found.pop()
        found.append(name)
    return found


@contextmanager
def pinned_gpus(count: int, hide: bool = False) -> Iterator[list[str]]:
    """Hold so many GPUs of this machine, in ``CUDA_VISIBLE_DEVICES``, until the end; wait while all are held.

    ``hide``: of a step that needs none, hide them. Where there is no GPU, nothing is done. The lock is freed when the
    process ends, however it ends.
    """
    before = os.environ.get(VISIBLE)
    with ExitStack() as stack:
        found = gpus() if count or hide else []
        own = _held(found, min(count, len(found)), stack)
        if found:
            os.environ[VISIBLE] = ",".join(own)
        try:
            yield own
        finally:
            if before is None:
                os.environ.pop(VISIBLE, None)
            else:
                os.environ[VISIBLE] = before


def _held(found: list[str], count: int, stack: ExitStack) -> list[str]:
    own: list[str] = []
    while True:
        for name in [name for name in found if name not in own]:
            if len(own) == count:
                return own
            with ExitStack() as tried:
                if tried.enter_context(file_lock(_lock_of(name), wait=False)):
                    own.append(name)
                    stack.push(tried.pop_all())
        if len(own) == count:
            return own
        time.sleep(_PAUSE)


def _lock_of(name: str) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else ""
    job = [os.environ.get(variable, "") for variable in _JOBS]
    digest = hashlib.sha256("\0".join([*job, name]).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"monai_mocoi-{user}-gpu-{digest}.lock")
