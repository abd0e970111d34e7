"""What an evaluation writes, and whether it may; it can be asked before any work, and torch is not imported for it."""

from __future__ import annotations

import os
from pathlib import Path

from monai_mocoi.handlers.run_folder_error import RunFolderError

PREDICTIONS_NAME = "predictions.csv"
METRICS_NAME = "metrics.json"


def check_evaluation_folder(folder: str | os.PathLike[str], overwrite: bool) -> None:
    """Refuse a folder that holds an earlier evaluation. Nothing is changed.

    Args:
        folder: for ``predictions.csv`` and ``metrics.json``; it need not exist.
        overwrite: replace these two, and nothing else.

    Raises:
        RunFolderError: it holds one of them, it is a file or a dataset folder, or it cannot be written.
    """
    folder = Path(folder)
    place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not place.is_dir():
        raise RunFolderError(f"{place} is a file, but a folder is needed: name another by --evaluation_dir FOLDER.")
    if (folder / "datalist.json").exists():
        raise RunFolderError(f"{folder} is a dataset folder: name another by --evaluation_dir FOLDER.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise RunFolderError(f"{place} cannot be written by this user: name another by --evaluation_dir FOLDER.")
    held = [name for name in (METRICS_NAME, PREDICTIONS_NAME) if (folder / name).exists()]
    if held and not overwrite:
        raise RunFolderError(
            f"{folder} already holds an evaluation ({', '.join(held)}). Nothing was changed. Write elsewhere by "
            "--evaluation_dir FOLDER, or replace it by --overwrite true."
        )
