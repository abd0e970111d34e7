"""The home folder, where a system may know none, as for a container's user without an entry.

Imports nothing of ours, so every floor may use it.
"""

from __future__ import annotations

from pathlib import Path


def home_folder() -> Path | None:
    """Return the user's home folder; None where it is not known: HOME is not set, and the user has no entry."""
    try:
        return Path.home()
    except RuntimeError:
        return None
