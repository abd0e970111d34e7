"""Find images by name in any number of folders."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from data_prep.folder_walk import walk_folders
from monai_mocoi.errors import DatasetError


def find_images(folders: Sequence[str | Path], names: Collection[str]) -> tuple[dict[str, str], int]:
    """Look for files by their names in folders and all folders below them; symbolic links are followed.

    Args:
        folders: where to look.
        names: the file names wanted.

    Returns:
        path by name of what was found, and the number of other files seen.

    Raises:
        DatasetError: a folder does not exist, or a name stands for two files with different content.
    """
    wanted = set(names)
    found: dict[str, str] = {}
    others = 0
    for _, parent, files in walk_folders(folders):
        for name in files:
            path = os.path.join(parent, name)
            if name not in wanted:
                others += 1
            elif name not in found:
                found[name] = path
            elif not filecmp.cmp(found[name], path, shallow=False):
                raise DatasetError(
                    f"two different files are called {name}: '{found[name]}' and '{path}'. Give only folders with "
                    "the same version of the images as --images."
                )
    return found, others
