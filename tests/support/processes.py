"""Run a function in several gloo processes and bring back what each returned, for the tests of distributed paths."""

from __future__ import annotations

import atexit
import os
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

# What takes seconds to import, and nothing of ours.
PRELOADED = ["torch._dynamo", "torch.distributed", "monai.bundle", "monai.engines", "monai.networks.nets", "pytest"]


def _forkserver() -> Any:
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


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
    _forkserver()
    home = (dict(os.environ), os.getcwd(), function, args)
    mp.start_processes(_as_a_child, args=home, nprocs=count, start_method="forkserver")


def in_processes(function: Callable[..., Any], world: int, *args: Any) -> list[Any]:
    """Call ``function(rank, *args)`` in ``world`` processes of one gloo group; return what each returned.

    The processes are kept for the next call, so that only the first one waits for their imports. A function that
    changes more than its environment and folder (signals, default types) belongs into :func:`start`.

    Args:
        function: at a module's top level, so that it can be sent by name.
        world: number of processes.
        args: sent to each process.

    Raises:
        RuntimeError: a process raised; its traceback is the text. The processes are not used again.
    """
    pool = _POOLS.get(world)
    if pool is None:
        pool = _POOLS[world] = _Pool(world)
    try:
        return pool.call(function, args)
    except BaseException:
        _POOLS.pop(world).kill()  # the others may wait for one that failed
        raise


class _Pool:
    def __init__(self, world: int) -> None:
        context = _forkserver()
        self.connections: list[Connection] = []
        self.processes = []
        for rank in range(world):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(rank, world, theirs))
            process.start()
            theirs.close()
            self.connections.append(ours)
            self.processes.append(process)

    def call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> list[Any]:
        with tempfile.TemporaryDirectory() as folder:
            task = (dict(os.environ), os.getcwd(), folder, function, args)
            for connection in self.connections:
                connection.send(task)
            waiting = list(self.connections)
            while waiting:
                for connection in wait(waiting):
                    error = connection.recv()  # type: ignore[union-attr]
                    if error is not None:
                        raise RuntimeError(error)
                    waiting.remove(connection)  # type: ignore[arg-type]
            return [torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in range(len(self.processes))]

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        for process in self.processes:
            process.join()

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
        self.close()


def _serve(rank: int, world: int, connection: Connection) -> None:
    with suppress(EOFError):  # the parent has closed its end
        while True:
            environment, home, folder, function, args = connection.recv()
            try:
                _as_a_child(rank, environment, home, _in_a_group, (world, folder, function, args))
                connection.send(None)
            except BaseException:  # before the group is left, which would fail the others too
                connection.send(traceback.format_exc())


def _in_a_group(rank: int, world: int, folder: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    torch.manual_seed(1)  # whatever an earlier call drew
    store = dist.FileStore(os.path.join(folder, "store"), world)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world)
    torch.save(function(rank, *args), os.path.join(folder, f"{rank}.pt"))
    dist.barrier()  # one that had left would fail another that is still connecting
    dist.destroy_process_group()


_POOLS: dict[int, _Pool] = {}


@atexit.register
def _close_pools() -> None:
    for pool in _POOLS.values():
        pool.close()
