"""A lock between processes, so that what several of them need is made once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from monai_mocoi.data.errors import DatasetError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_held: set[IO[bytes]] = set()


def _let_go() -> None:
    for file in _held:
        file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    # A forked child (a loader's worker, for example) shares the lock, and would hold it when its parent has died.
    os.register_at_fork(after_in_child=_let_go)


@contextmanager
def file_lock(path: str | Path, wait: bool = True, poll: float = 0.1) -> Iterator[bool]:
    """Hold the lock of ``path`` for the length of the block.

    The operating system frees the lock when its holder ends, however it ends, so no lock can go stale. The empty
    lock file is left in place: removing it would let two processes hold "the" lock on two different files.

    Args:
        path: the lock file, made if missing, as is its folder.
        wait: wait for another holder to finish; False does not wait.
        poll: seconds between two tries.

    Raises:
        DatasetError: the folder cannot be made or written.

    Yields:
        True if the lock is held; False (only when ``wait`` is False) if another process holds it.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab")  # noqa: SIM115 - closed by the block below
    except OSError as error:
        raise DatasetError(
            f"cannot write to the folder {path.parent.name!r} ({error.strerror}). If it is the cache, name a folder "
            "that can be written in the environment variable MONAI_MOCOI_CACHE."
        ) from error
    with file:
        held = _try_lock(file)
        while wait and not held:
            time.sleep(poll)
            held = _try_lock(file)
        if held:
            _held.add(file)
        try:
            yield held  # closing the file frees the lock
        finally:
            _held.discard(file)
