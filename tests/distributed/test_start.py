"""Processes find each other also where an earlier start has left its addresses in the store."""

from __future__ import annotations

import datetime
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.distributed as dist

from monai_mocoi.distributed import start
from monai_mocoi.distributed.start import abandon, agree_on_start, join, leave
from monai_mocoi.errors import UsageError

_PATIENCE = 300  # seconds; gloo waits for half an hour, and a busy machine needs a minute to start two processes


def stores(number: int) -> list[dist.TCPStore]:
    limit = datetime.timedelta(seconds=30)
    first = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=limit)
    return [first, *(dist.TCPStore("127.0.0.1", first.port, is_master=False, timeout=limit) for _ in range(number - 1))]


def agree(found: list[dist.TCPStore], order: list[int]) -> list[str]:
    with ThreadPoolExecutor(len(order)) as pool:
        names = [pool.submit(agree_on_start, found[rank], rank, len(order)) for rank in order]
        return [name.result() for name in names]


@pytest.mark.parametrize("order", [[0], [0, 1], [1, 0], [2, 0, 1]])
def test_all_agree_on_a_new_name_at_every_start(order: list[int]) -> None:
    found = stores(len(order))
    names = [agree(found, order) for _ in range(3)]
    assert all(len(set(start)) == 1 for start in names)
    assert len({start[0] for start in names}) == 3


def test_remains_of_processes_that_died_while_they_joined_are_passed_over() -> None:
    found = stores(3)
    found[0].set("start/process/1", "dead")  # came, and died before it was offered a name
    found[0].set("start/process/2", "dead too")
    found[0].set("start/offer/dead", "old")
    found[0].set("start/answer/old/1", "here")
    names = agree(found, [0, 1, 2])
    assert len(set(names)) == 1
    assert names[0] != "old"


def test_a_process_that_never_comes_is_named() -> None:
    with pytest.raises(RuntimeError, match="process 1 of 2 did not come"):
        agree_on_start(stores(1)[0], 0, 2, limit=0.2)


def meet(rank: int, port: int) -> None:
    store = dist.TCPStore("127.0.0.1", port, 2, is_master=rank == 0, timeout=datetime.timedelta(seconds=30))
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    if rank == 1:
        abandon()  # as after an error, while the first waits for it
        return
    try:
        dist.all_reduce(torch.ones(1))
    except RuntimeError:
        abandon()  # with its threads still at work the process could end by an abort instead
        raise SystemExit(3) from None


def test_after_an_error_of_one_process_no_other_waits_for_ever() -> None:
    port = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False).port
    started = time.monotonic()
    processes = [multiprocessing.get_context("spawn").Process(target=meet, args=(rank, port)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(_PATIENCE)
    assert [process.exitcode for process in processes] == [3, 0]
    assert time.monotonic() - started < _PATIENCE


@pytest.mark.parametrize(("device", "chosen"), [("cuda", []), ("cuda:1", [1]), ("cpu", [])])
def test_a_gpu_is_only_chosen_by_its_number(device: str, chosen: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """torch takes "cuda" alone, which ``device()`` gives without torchrun, for no choice, and would refuse it."""
    found: list[int] = []
    monkeypatch.setattr(
        torch.cuda, "set_device", lambda place: found.append(torch.cuda._utils._get_device_index(place))
    )
    for place in (device, torch.device(device)):
        join(place)
    assert found == chosen * 2


def test_under_torchrun_each_process_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", found.append)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    for name, value in (("WORLD_SIZE", "1"), ("RANK", "0"), ("LOCAL_RANK", "3"), ("LOCAL_WORLD_SIZE", "4")):
        monkeypatch.setenv(name, value)
    for given in ("cuda", "cuda:3", "cpu"):
        join(given)
    assert found == [torch.device("cuda:3")] * 2
    with pytest.raises(UsageError, match="device is cuda:1 for each process, but that of this one is cuda:3: leave"):
        join("cuda:1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    join("cuda:1")  # alone on this machine, it may take any
    assert found[-1] == torch.device("cuda:1")


@pytest.mark.parametrize(("backend", "ended"), [("nccl", []), ("gloo", ["destroyed"])])
def test_after_an_error_no_end_by_nccl_is_waited_for(
    backend: str, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait for this process, and it would wait for them before it tells of its error."""
    done: list[str] = []
    monkeypatch.setattr(start, "_abandoned", False)
    monkeypatch.setattr(dist, "is_initialized", lambda: not done)
    monkeypatch.setattr(dist, "get_backend", lambda: backend)
    monkeypatch.setattr(dist, "barrier", lambda: done.append("waited"))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: done.append("destroyed"))
    abandon()
    leave()
    assert done == ended
