"""Whether the folder of an evaluation or inference can be written; torch is not imported for it."""

from __future__ import annotations

import os
from pathlib import Path

from monai_mocoi.handlers.run_folder_error import RunFolderError


def check_written_out(folder: Path, setting: str) -> None:
    """Refuse a folder that begins with ``~``: one of that very name would be made where the command is given.

    Raises:
        RunFolderError: it does.
    """
    if str(folder).startswith("~"):
        raise RunFolderError(
            f"{folder} begins with '~', which the shell did not replace by a home folder (as it does in --{setting} "
            f"~/runs, with a blank and without quotes): write --{setting} with the whole path."
        )


def check_can_be_written(folder: Path, setting: str) -> None:
    """Refuse a place where no file can be written. Nothing is changed.

    Args:
        folder: need not exist.
        setting: by which another one is named, for the text.

    Raises:
        RunFolderError: it begins with ``~``; it, or the nearest folder above it that exists, is a file or cannot be
            written by this user; or it lies in a bundle with its weights, such as an unpacked package, which would be
            handed on with it.
    """
    check_written_out(folder, setting)
    for above in (folder.resolve(), *folder.resolve().parents):
        if (above / "models" / "model.pt").is_file() and (above / "configs" / "inference.json").is_file():
            raise RunFolderError(
                f"{folder} lies in the package {above.name}: results name files of images, and would be handed on with "
                f"it. Name a folder outside by --{setting} FOLDER."
            )
    place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not place.is_dir():
        raise RunFolderError(f"{place} is a file, but a folder is needed: name another by --{setting} FOLDER.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise RunFolderError(f"{place} cannot be written by this user: name another by --{setting} FOLDER.")
