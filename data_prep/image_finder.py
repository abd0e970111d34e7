"""Find images by name in any number of folders, each folder once, wherever links lead."""

import filecmp
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from monai_mocoi.errors import DatasetError


def walk_folders(folders: Sequence[str | Path]) -> Iterator[tuple[str, str, list[str]]]:
    """Give each folder begun with, each folder below it, and the sorted names of its files; links are followed.

    No file is opened. A folder that was reached before (a link to a folder above, the same folder given twice) is left
    out with all below it; one that does not exist is a DatasetError.
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


def find_images(folders: Sequence[str | Path], names: Collection[str]) -> tuple[dict[str, str], int]:
    """Return the path of each wanted file in folders and below, by name, and the number of other files.

    Symbolic links are followed. Two files of one name with different content are a DatasetError.
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
                raise two_files(name, found[name], path)
    return found, others


def two_files(name: str, one: str, other: str) -> DatasetError:
    """Return the error for two different files of one name."""
    return DatasetError(
        f"two different files are called {name}: '{one}' and '{other}'. Give only folders with the same version of the "
        "images as --images."
    )
