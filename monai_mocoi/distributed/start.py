"""Join the processes that ``torchrun`` started, also after it restarted them, and leave them together."""

import os
import time
import uuid
from datetime import timedelta

import torch
import torch.distributed as dist

from monai_mocoi.distributed.processes import device as own_device
from monai_mocoi.distributed.processes import world_size
from monai_mocoi.distributed.torchrun import started_by_torchrun, torchrun_local_world_size
from monai_mocoi.errors import UsageError

_PATIENCE = timedelta(hours=1)  # NCCL's own 10 minutes may be over while others wait for what the first alone does
_abandoned = False


def join(device: torch.device | str) -> None:
    """Make the process group of the processes that ``torchrun`` started; one process alone has none.

    ``torchrun`` keeps one store for all its restarts, and what workers left there before they died would be taken for
    the addresses of those that live: they could not find each other. So each start meets below a prefix of its own.

    ``device`` is this process's; with GPUs they talk by NCCL, otherwise by gloo. A RuntimeError: they did not all come
    within half an hour. A UsageError: a GPU of a given number for each of several processes.
    """
    place = torch.device(device)
    on_gpu = place.type == "cuda"
    if on_gpu and place.index is None and started_by_torchrun():
        place = own_device()
    elif on_gpu and torchrun_local_world_size() > 1 and place != (own := own_device()):
        raise UsageError(f"device is {place} for each process, but that of this one is {own}: leave device out.")
    if place.index is not None and on_gpu:  # "cuda" alone is the current one, and torch takes it for no choice
        torch.cuda.set_device(place)
    if world_size() == 1 or dist.is_initialized():
        return
    store, rank, processes = next(dist.rendezvous("env://"))
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        store = dist.PrefixStore(agree_on_start(store, rank, processes), store)
    dist.init_process_group(
        "nccl" if on_gpu else "gloo",
        store=store,
        rank=rank,
        world_size=processes,
        timeout=_PATIENCE,
        device_id=place if on_gpu else None,
    )


def leave() -> None:
    """Wait for the other processes, then end the process group; one process alone has none.

    Without the wait a process can come to its end while a thread of the group still lets go of its last tensor; Python
    then aborts (exit code -6), and ``torchrun`` takes a finished run for a failed one.
    """
    if _abandoned:
        return
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def abandon() -> None:
    """End the process group without waiting, after an error: the other processes end with an error of their own.

    By NCCL the end of a group waits for the others, which wait for this process: it is left to the process's own end,
    so that the error is told before.
    """
    global _abandoned
    if dist.is_available() and dist.is_initialized():
        _abandoned = dist.get_backend() == "nccl"
        if not _abandoned:
            dist.destroy_process_group()


def agree_on_start(store: "dist.Store", rank: int, world_size: int, limit: float = 1800.0, poll: float = 0.02) -> str:
    """Return a name that no earlier start has had, the same on every process, by a store with remains of earlier ones.

    Restarts cannot be counted instead: on several machines each ``torchrun`` counts only those that it asked for. The
    first process looks every ``poll`` seconds, and waits ``limit`` seconds for each other process (then RuntimeError);
    the others wait as long as the store does.
    """
    own = uuid.uuid4().hex
    if rank > 0:
        store.set(f"start/process/{rank}", own)
        name = store.get(f"start/offer/{own}").decode()  # waits; only the first process of this start can have read own
        store.set(f"start/answer/{name}/{rank}", "here")
        return name
    until = time.monotonic() + limit
    for other in range(1, world_size):
        # What is read may still be a dead process's: the offer is repeated until a living one has answered.
        while not store.check([f"start/answer/{own}/{other}"]):
            if store.check([f"start/process/{other}"]):
                store.set(f"start/offer/{store.get(f'start/process/{other}').decode()}", own)
            if time.monotonic() > until:
                raise RuntimeError(
                    f"process {other} of {world_size} did not come: did it start, and find this machine?"
                )
            time.sleep(poll)
    return own
