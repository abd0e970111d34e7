"""Processes find each other also where an earlier start has left its addresses in the store."""

from __future__ import annotations

import datetime
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.distributed as dist

from monai_mocoi.distributed.start import abandon, agree_on_start

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
