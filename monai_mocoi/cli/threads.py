"""Threads of a run (``--threads``): how many it computes with. Imports torch only where it is to be limited."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from monai_mocoi.errors import UsageError
from monai_mocoi.threads import thread_environment, usable_cpus


def read_threads(word: str) -> int:
    """The number of threads that a word means, from 1 to the processor's cores; else a UsageError."""
    cores = usable_cpus()
    if not word.isascii() or not word.isdecimal() or not 1 <= int(word) <= cores:
        raise UsageError(
            f"threads is {word!r}, but must be a whole number from 1 to {cores}, the cores that this process may use"
        )
    return int(word)


def announce_threads(threads: int | None) -> None:
    """Put the number into the environment, where torch and other libraries look when they are loaded; None: nothing."""
    if threads is not None:
        os.environ.update(thread_environment(threads))


@contextmanager
def computing_with(threads: int | None) -> Iterator[None]:
    """Compute with so many threads, in libraries that are loaded too; None: as it is."""
    if threads is None:
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
