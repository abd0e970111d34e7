"""Run a function in several gloo processes and bring back what each returned, for the tests of distributed paths."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def _enter(rank: int, function: Callable[..., Any], world: int, folder: str, args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    store = dist.FileStore(os.path.join(folder, "store"), world)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world)
    try:
        torch.save(function(rank, *args), os.path.join(folder, f"{rank}.pt"))
    finally:
        dist.destroy_process_group()


def in_processes(function: Callable[..., Any], world: int, *args: Any) -> list[Any]:
    """Call ``function(rank, *args)`` in ``world`` processes; ``function`` must stand at a module's top level."""
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_enter, args=(function, world, folder, args), nprocs=world)
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in range(world)]
