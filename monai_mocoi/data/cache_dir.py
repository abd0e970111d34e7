"""Where this package keeps what can be computed again: decoded images, fingerprints, generated demo data."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache_dir() -> Path:
    """Return the user's cache folder of this package; the folder itself is not made here.

    Returns:
        ``$MONAI_MOCOI_CACHE`` if set and not empty, else ``$XDG_CACHE_HOME/monai_mocoi``, else
        ``~/.cache/monai_mocoi``. A relative value is taken from the current directory.
    """
    if own := os.environ.get("MONAI_MOCOI_CACHE"):
        return Path(own).expanduser().absolute()
    # The XDG specification says that a relative XDG_CACHE_HOME is to be ignored.
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache"
    return base / "monai_mocoi"
