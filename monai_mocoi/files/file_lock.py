"""A lock between processes, so that what several of them need is made once."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from monai_mocoi.errors import RefusedError

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
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EINTR):
                return False  # EACCES: how NFS, which makes another kind of lock of it, may say that it is held
            raise
        return True


logger = logging.getLogger(__name__)

_said: set[Path] = set()
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

    Where the file system has no locks (NFS or Lustre, as they may be mounted), that of a file in the machine's folder
    for temporary files is held in its place, which keeps the processes of one machine apart; if that fails too, there
    is no lock. Either is warned of once a folder.

    Args:
        path: the lock file, made if missing, as is its folder.
        wait: wait for another holder to finish; False does not wait.
        poll: seconds between two tries.

    Raises:
        RefusedError: the folder cannot be made or written.

    Yields:
        True if the lock is held; False (only when ``wait`` is False) if another process holds it.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file: IO[bytes] = open(path, "ab")  # noqa: SIM115 - closed by the block below
    except OSError as error:
        raise RefusedError(
            f"cannot write to the folder {path.parent.name!r} ({error.strerror}). If it is the cache, name a folder "
            "that can be written in the environment variable MONAI_MOCOI_CACHE."
        ) from error
    with ExitStack() as stack:
        stack.enter_context(file)
        try:
            held = _try_lock(file)
        except OSError as error:
            other = _on_this_machine(path, error)
            if other is None:
                yield True
                return
            file = stack.enter_context(other)
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


def _on_this_machine(path: Path, error: OSError) -> IO[bytes] | None:
    """Open a file on another disk that can be locked in the place of ``path``; None if there is none. Warn of it."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    name = hashlib.sha256(os.path.realpath(path).encode(errors="surrogateescape")).hexdigest()[:32]
    file: IO[bytes] | None = None
    try:
        file = open(Path(tempfile.gettempdir(), f"monai_mocoi-{user}-{name}.lock"), "ab")  # noqa: SIM115
        _try_lock(file)
    except OSError:
        if file is not None:
            file.close()
        file = None
    folder = path.parent.absolute()
    if folder not in _said:
        _said.add(folder)
        where = "at the same time" if file is None else "on another machine at the same time"
        logger.warning(
            "The file system of %s has no locks (%s): the run goes on, but nothing would stop the same command %s. Do "
            "not start it twice.",
            folder,
            error.strerror,
            where,
        )
    return file
