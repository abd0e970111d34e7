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

# What takes seconds to import, and nothing of ours.
PRELOADED = ["torch._dynamo", "torch.distributed", "monai.bundle", "monai.engines", "monai.networks.nets", "pytest"]


def _as_a_child(
    rank: int, environment: dict[str, str], folder: str, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    torch.set_num_threads(1)
    function(rank, *args)


def start(function: Callable[..., Any], count: int, *args: Any) -> None:
    """Call ``function(rank, *args)`` in ``count`` new processes, in this one's folder and environment.

    They are forked from one process that has imported PyTorch and MONAI and done nothing else: as clean as processes
    started anew, but without the seconds that each of those would take to import.
    """
    mp.get_context("forkserver").set_forkserver_preload(PRELOADED)
    home = (dict(os.environ), os.getcwd(), function, args)
    mp.start_processes(_as_a_child, args=home, nprocs=count, start_method="forkserver")


def _enter(rank: int, function: Callable[..., Any], world: int, folder: str, args: tuple[Any, ...]) -> None:
    store = dist.FileStore(os.path.join(folder, "store"), world)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world)
    try:
        torch.save(function(rank, *args), os.path.join(folder, f"{rank}.pt"))
    finally:
        dist.destroy_process_group()


def in_processes(function: Callable[..., Any], world: int, *args: Any) -> list[Any]:
    """Call ``function(rank, *args)`` in ``world`` processes; ``function`` must stand at a module's top level."""
    with tempfile.TemporaryDirectory() as folder:
        start(_enter, world, function, world, folder, args)
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in range(world)]
