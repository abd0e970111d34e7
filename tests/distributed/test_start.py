"""Processes find each other also where an earlier start has left its addresses in the store."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from monai_mocoi.distributed.start import agree_on_start


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
