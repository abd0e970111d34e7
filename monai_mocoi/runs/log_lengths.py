"""Files that only grow, such as TensorBoard's: their lengths at a checkpoint, and the cut back to them.

What a run wrote after its last checkpoint is written again when it goes on from there. Cutting the files back to their
lengths at the checkpoint leaves each step once: no gap, no double.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from monai_mocoi.files.atomic_write import sync_folder

_EVENTS = "events.out.tfevents.*"  # nothing else in the folder is ours


def log_lengths(folder: str | os.PathLike[str]) -> dict[str, int]:
    """Bytes of each TensorBoard file in a folder, by name; empty where there is no folder.

    The files, and their names, are brought down to the disk first: else a power failure could leave one shorter than
    the checkpoint says. All of them, for a continued run has cut the earlier ones back; one that is down costs nothing.
    """
    folder = Path(folder)
    files = sorted(folder.glob(_EVENTS))
    for path in files:
        with open(path, "ab") as file:
            os.fsync(file.fileno())
    if files:
        sync_folder(folder)
        sync_folder(folder.parent)  # where the folder itself has its name
    return {path.name: path.stat().st_size for path in files}


def cut_back(folder: str | os.PathLike[str], lengths: Mapping[str, int]) -> None:
    """Bring the TensorBoard files back to what :func:`log_lengths` saw: longer ones are cut, new ones are removed.

    Args:
        folder: of the files.
        lengths: as they were; a file that is missing, or shorter by now, is left as it is.
    """
    for path in sorted(Path(folder).glob(_EVENTS)):
        if path.name not in lengths:
            path.unlink()
        elif path.stat().st_size > lengths[path.name]:
            os.truncate(path, lengths[path.name])
