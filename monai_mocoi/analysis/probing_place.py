"""Where a probing lies. Without torch, for ``mocoi compare`` asks."""

from __future__ import annotations

import os
from pathlib import Path

PROBING_NAME = "probing.json"
"""The file that holds the result; it is written last, so that where it stands the probing is whole."""


def find_probing(place: str | os.PathLike[str]) -> Path | None:
    """The ``probing.json`` that is meant: the file, that of a probing's folder, or that of an analysis; None: none."""
    place = Path(place)
    if place.is_file():
        return place if place.suffix == ".json" else None
    candidates = (place / PROBING_NAME, place / "probing" / PROBING_NAME)
    return next((path for path in candidates if path.is_file()), None)
