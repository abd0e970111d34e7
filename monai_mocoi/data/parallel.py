"""One function over many items in threads, with a progress bar and a quick end on an error or Ctrl-C."""

import os
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar

from tqdm import tqdm

from monai_mocoi.distributed.torchrun import torchrun_local_world_size

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cpus() -> int:
    """Count the processors that this process may use (at least 1): container and scheduler limits are heeded."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def share_of_cpus() -> int:
    """This process's share of them, where ``torchrun`` has started several on this machine (at least 1)."""
    return max(1, usable_cpus() // torchrun_local_world_size())


def progress_bar(total: int, description: str, enabled: bool = True) -> Any:
    """Make a tqdm bar on standard error; where that is a file, it writes a line now and then, not ten a second."""
    interval = 0.1 if sys.stderr.isatty() else 30.0
    return tqdm(total=total, desc=description, disable=not enabled or total == 0, mininterval=interval, unit="image")


def map_in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    total: int,
    workers: int | None = None,
    description: str = "",
    progress: bool = True,
) -> Generator[tuple[int, Result], None, None]:
    """Apply ``function`` to each item in threads; yield (position, result) as they come.

    Threads, not processes: image decoding and NumPy release Python's lock, and nothing has to be copied. Only a few
    items a thread are in flight, so memory does not grow with their number. An exception ends the run: what has not
    begun is dropped, and it is raised here. ``total`` is the number of items; ``workers`` None means one thread a
    usable processor; ``description`` is the bar's label.
    """
    workers = workers or usable_cpus()
    numbered = enumerate(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="mocoi")
    try:
        with progress_bar(total, description, progress) as bar:
            pending: dict[Future[Result], int] = {}
            while True:
                for position, item in islice(numbered, 4 * workers - len(pending)):
                    pending[pool.submit(function, item)] = position
                if not pending:
                    break
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=pending.__getitem__):  # a set has an order of its own
                    yield pending.pop(future), future.result()
                    bar.update()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
