"""Processes as ``torchrun`` starts them, for tests of distributed configs: a port of their own each time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from tests.support.processes import start


def _enter(rank: int, function: Callable[..., Any], world: int, port: int, folder: str, args: tuple[Any, ...]) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }
    torch.save(function(*args), os.path.join(folder, f"{rank}.pt"))


def as_torchrun(function: Callable[..., Any], world: int, *args: Any) -> list[Any]:
    """Call ``function(*args)`` in ``world`` processes with torchrun's variables; return what each returned.

    The function must stand at a module's top level and make the process group itself. As under torchrun, the parent
    hosts the store where the processes meet.
    """
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with tempfile.TemporaryDirectory() as folder:
        start(_enter, world, function, world, store.port, folder, args)
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in range(world)]
