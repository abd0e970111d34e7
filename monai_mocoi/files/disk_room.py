"""Disk errors of a cache: no room, or a disk that fails, said with a next step and without the path."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monai_mocoi.errors import CacheFullError, DatasetError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writing_cache(what: str, left: str, without: str) -> Iterator[None]:
    """Turn what the system says while a cache is written into an error of ours.

    Args:
        what: the cache, such as "the cache of decoded images".
        left: what becomes of what was written, as a clause.
        without: how to do without the cache, behind "or".

    Raises:
        CacheFullError: no room.
        DatasetError: any other ``OSError``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise CacheFullError(
                f"there was no more room for {what} ({error.strerror}); {left}. Set MONAI_MOCOI_CACHE to a folder with "
                f"more room, or {without}."
            ) from None
        raise DatasetError(
            f"{what} cannot be written ({error.strerror}); look at its disk, set MONAI_MOCOI_CACHE to a folder on "
            f"another one, or {without}."
        ) from None


def check_room(folder: Path, needed: int, what: str, without: str) -> None:
    """Refuse to begin a cache for which a folder's disk has no room.

    Args:
        folder: an existing one.
        needed: bytes.
        what, without: as for :func:`writing_cache`.

    Raises:
        CacheFullError: says how much is needed and free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CacheFullError(
            f"{what} needs {_in_words(needed)}, but its folder has {_in_words(free)} free. Set MONAI_MOCOI_CACHE to a "
            f"folder with more room, or {without}."
        )


def _in_words(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 / 10 else f"{count / 2**20:.2f} MiB"
