"""Whether results may go into a folder; torch is not imported for it."""

from __future__ import annotations

import os
from pathlib import Path

from monai_mocoi.errors import RunFolderError


def check_place(folder: Path, setting: str) -> None:
    """Refuse a place where results would be lost or handed on.

    Args:
        folder: need not exist.
        setting: by which another one is named, for the text.

    Raises:
        RunFolderError: it begins with ``~``, so that a folder of that very name would be made where the command is
            given; or it lies in a bundle with its weights, such as an unpacked package, which would be handed on with
            it.
    """
    if str(folder).startswith("~"):
        raise RunFolderError(
            f"{folder} begins with '~', which the shell did not replace by a home folder (as it does in --{setting} "
            f"~/runs, with a blank and without quotes): write --{setting} with the whole path."
        )
    for above in (folder.resolve(), *folder.resolve().parents):
        if (above / "models" / "model.pt").is_file() and (above / "configs" / "inference.json").is_file():
            raise RunFolderError(
                f"{folder} lies in the package {above.name}: results name files of images, and would be handed on with "
                f"it. Name a folder outside by --{setting} FOLDER."
            )


def check_can_be_written(folder: Path, setting: str) -> None:
    """Refuse a place where no file can be written. Nothing is changed.

    Args:
        folder: need not exist.
        setting: by which another one is named, for the text.

    Raises:
        RunFolderError: as of :func:`check_place`; or it, or the nearest folder above it that exists, is a file or
            cannot be written by this user.
    """
    check_place(folder, setting)
    place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not place.is_dir():
        raise RunFolderError(f"{place} is a file, but a folder is needed: name another by --{setting} FOLDER.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise RunFolderError(f"{place} cannot be written by this user: name another by --{setting} FOLDER.")
