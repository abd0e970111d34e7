"""Cache folder: where this package keeps what can be computed again, and what is said when its disk fails."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monai_mocoi.errors import CacheFullError, DatasetError, HomeFolderError
from monai_mocoi.files.home_folder import expand_home, home_folder


def user_cache_dir() -> Path:
    """Cache folder of this package, which need not exist: ``$MONAI_MOCOI_CACHE`` if set (may be relative).

    Else it is ``$XDG_CACHE_HOME/monai_mocoi``, else ``~/.cache/monai_mocoi``. Raises HomeFolderError: the home folder
    is needed, and not known.
    """
    if own := os.environ.get("MONAI_MOCOI_CACHE"):
        return expand_home(own).absolute()
    # The XDG specification says that a relative XDG_CACHE_HOME is to be ignored.
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):
        return Path(xdg) / "monai_mocoi"
    if (home := home_folder()) is None:
        raise HomeFolderError(
            "this user has no home folder in which what can be computed again is kept: set MONAI_MOCOI_CACHE to a "
            "folder that can be written (or set HOME)."
        )
    return home / ".cache" / "monai_mocoi"


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writing_cache(what: str, left: str, without: str) -> Iterator[None]:
    """Turn what the system says while a cache is written into an error of ours.

    Texts: ``what`` it is, such as "the cache of images"; what is ``left`` of it; how to do ``without`` it, behind "or".
    Raises CacheFullError: no room. Raises DatasetError: any other ``OSError``.
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


def check_room(folder: Path, needed: int, what: str, without: str) -> str:
    """Refuse to begin a cache of ``needed`` bytes for which a folder's disk has no room; texts as above.

    Returns how much is needed and free, in words. Raises CacheFullError: says how much is needed and free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CacheFullError(
            f"{what} needs {_in_words(needed)}, but its folder has {_in_words(free)} free. Set MONAI_MOCOI_CACHE to a "
            f"folder with more room, or {without}."
        )
    return f"{_in_words(needed)}, of {_in_words(free)} that are free"


def _in_words(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 / 10 else f"{count / 2**20:.2f} MiB"
