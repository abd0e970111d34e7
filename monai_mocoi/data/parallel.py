"""One function over many items in threads, with a progress bar and a quick end on an error or Ctrl-C."""

import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar

from tqdm import tqdm

from monai_mocoi.distributed.torchrun import torchrun_local_world_size
from monai_mocoi.threads import given_threads, usable_cpus

Item = TypeVar("Item")
Result = TypeVar("Result")


def share_of_cpus() -> int:
    """This process's share of the usable processors, where ``torchrun`` has started several on this machine.

    It is at least 1, and no more than the threads that the process was given.
    """
    share = max(1, usable_cpus() // torchrun_local_world_size())
    return min(share, given_threads() or share)


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
    usable processor, or as many as the process was given; ``description`` is the bar's label.
    """
    workers = workers or share_of_cpus()
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
