"""Where this package keeps what can be computed again: decoded images, fingerprints, generated demo data."""

from __future__ import annotations

import os
from pathlib import Path

from monai_mocoi.errors import HomeFolderError
from monai_mocoi.files.home_folder import expand_home, home_folder


def user_cache_dir() -> Path:
    """Return the user's cache folder of this package; the folder itself is not made here.

    Returns:
        ``$MONAI_MOCOI_CACHE`` if set and not empty, else ``$XDG_CACHE_HOME/monai_mocoi``, else
        ``~/.cache/monai_mocoi``. A relative value is taken from the current directory.

    Raises:
        HomeFolderError: the home folder is needed, and not known.
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
