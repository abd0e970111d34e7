"""Walk through folders and all below them in one order, each once, wherever links lead."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from monai_mocoi.errors import DatasetError


def walk_folders(folders: Sequence[str | Path]) -> Iterator[tuple[str, str, list[str]]]:
    """Walk through folders, those below them sorted by name; symbolic links are followed, no file is opened.

    Args:
        folders: where to begin.

    Yields:
        the folder begun with, the folder reached, and the sorted names of its files. A folder that was reached before
        (a link to a folder above, the same folder given twice) is left out with all below it.

    Raises:
        DatasetError: a folder does not exist.
    """
    seen: set[str] = set()
    for folder in folders:
        if not Path(folder).is_dir():
            raise DatasetError(f"--images: there is no folder '{folder}'.")
        for parent, subfolders, files in os.walk(folder, followlinks=True):
            place = os.path.realpath(parent)
            if place in seen:
                subfolders.clear()
                continue
            seen.add(place)
            subfolders.sort()
            yield os.fspath(folder), parent, sorted(files)
