"""Lock of a node: it is held until whoever runs it and the command that was started have both ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monai_mocoi.errors import StudyError
from monai_mocoi.files.file_lock import file_lock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def node_lock(path: str | Path, wait: bool = False) -> Iterator[tuple[bool, tuple[int, ...]]]:
    """Yield whether the lock is held, and the open files to hand on to a child process, which then holds it as well.

    A driver that is killed leaves its command behind for a moment: the next driver must not start it again beside that.
    Where the file system has no locks, see :func:`~monai_mocoi.files.file_lock.file_lock`, a child holds nothing.
    Raises StudyError: the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StudyError(f"the study folder cannot be written ({error.strerror}): make it writable.") from error
    try:
        found = _locked(file, wait)
        if found is None:
            with file_lock(path.with_suffix(".held"), wait) as held:
                yield held, ()
        else:
            yield found, (file,) if found else ()
    finally:
        os.close(file)


def _locked(file: int, wait: bool) -> bool | None:
    """Whether the lock could be had; None: there are no locks here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return True
    except BlockingIOError:
        return False
    except OSError:
        return None
