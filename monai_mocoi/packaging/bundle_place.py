"""Name and place of a bundle of one's own: they can be refused at once, so nothing heavy is imported for it."""

import os
import re
from pathlib import Path

from monai_mocoi.errors import AdaptError
from monai_mocoi.files.home_folder import expand_home

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def check_bundle_name(name: str) -> None:
    """Refuse what cannot be the name of a bundle and its folder with an AdaptError."""
    if not _NAME.fullmatch(name):
        raise AdaptError(
            f"the name is {name!r}, but must be a plain name: a letter, then letters, digits, '_' and '-', 64 at most, "
            "such as my_study."
        )


def bundle_place(name: str, out: str | os.PathLike[str], dataset: str | os.PathLike[str]) -> Path:
    """Return the folder of a new bundle in ``out``; AdaptError if it cannot be, or is taken. Nothing is made."""
    check_bundle_name(name)
    out, dataset = Path(out), expand_home(dataset)
    if out.exists() and not out.is_dir():
        raise AdaptError(f"out is {str(out)!r}, which is a file: give the folder in which {name} is to be made.")
    folder, data = out / name, dataset.resolve()
    if data == out.resolve() or data in out.resolve().parents:
        raise AdaptError(
            f"out is the dataset folder, or within it: a bundle is handed on, a dataset folder is not. Give another "
            f"folder for {name}."
        )
    if folder.exists():
        raise AdaptError(f"{str(folder)!r} exists already, and is left as it is: choose another name or out.")
    return folder
