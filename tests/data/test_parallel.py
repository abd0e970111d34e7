from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from monai_mocoi.data import parallel
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.threads import VARIABLE


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100])
def test_every_item_once_with_its_position(n):
    results = dict(map_in_threads(lambda x: x * x, range(n), n, workers=2, progress=False))
    assert results == {i: i * i for i in range(n)}


def test_an_error_ends_it_without_starting_the_rest():
    started = []

    def function(x: int) -> None:
        started.append(x)
        if x == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        list(map_in_threads(function, range(10_000), 10_000, workers=2, progress=False))
    assert len(started) < 100


def test_closing_early_ends_the_threads():
    before = threading.active_count()
    with closing(map_in_threads(lambda x: time.sleep(0.001), range(10_000), 10_000, 2, progress=False)) as results:
        next(results)
    assert threading.active_count() == before


def test_no_more_threads_than_the_process_was_given(monkeypatch):
    monkeypatch.setattr(parallel, "usable_cpus", lambda: 4)
    for given, used in (("", 4), ("3", 3), ("9", 4)):
        monkeypatch.setenv(VARIABLE, given)
        assert parallel.share_of_cpus() == used
