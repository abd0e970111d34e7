"""File lock: what several processes need is made once."""

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from monai_mocoi.errors import LockError

logger = logging.getLogger(__name__)

_said: set[Path] = set()


@contextmanager
def file_lock(path: str | Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of ``path``, made if missing, as is its folder; yield whether it is held: always, if ``wait``.

    The operating system frees the lock when its holder ends, however it ends, so no lock can go stale; a forked child
    (a loader's worker, for example) does not hold it. The empty lock file is left in place: removing it would let two
    processes hold "the" lock on two different files. Where the file system has no locks (NFS or Lustre, as they may be
    mounted), a file in the machine's folder for temporary files keeps the processes of one machine apart; if that fails
    too, there is no lock. Either is warned of once a folder. Raises LockError: the folder cannot be made or written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        open(path, "ab").close()
    except OSError as error:
        raise LockError(
            f"cannot write to the folder {path.parent.name!r} ({error.strerror}). If it is the cache, name a folder "
            "that can be written in the environment variable MONAI_MOCOI_CACHE."
        ) from error
    lock: FileLock | None = None
    try:
        try:
            lock = _acquired(path, wait)
        except Timeout:
            raise
        except OSError as error:
            lock = _on_this_machine(path, error, wait)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        if lock is not None:
            lock.release()


def _acquired(path: Path, wait: bool) -> FileLock:
    # No soft lock in its place: that one goes stale.
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    lock.acquire(blocking=wait)
    return lock


def _on_this_machine(path: Path, error: OSError, wait: bool) -> FileLock | None:
    """Hold the lock of a file on another disk in the place of ``path``; None if there is none. Warn of it."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    name = hashlib.sha256(os.path.realpath(path).encode(errors="surrogateescape")).hexdigest()[:32]
    where = "on another machine at the same time"
    try:
        return _acquired(Path(tempfile.gettempdir(), f"monai_mocoi-{user}-{name}.lock"), wait)
    except Timeout:
        raise
    except OSError:
        where = "at the same time"
        return None
    finally:
        folder = path.parent.absolute()
        if folder not in _said:
            _said.add(folder)
            logger.warning(
                "The file system of %s has no locks (%s): the run goes on, but nothing would stop the same command "
                "%s. Do not start it twice.",
                folder,
                error.strerror,
                where,
            )
