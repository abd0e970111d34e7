"""Whose a package is: what its maker states, and what is said where nothing is, so that nobody is credited wrongly."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from monai_mocoi.errors import PackageError

NOT_STATED = "not stated"
_TASKS = {"chest": "chest_xray", "histology": "histopathology"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
METHOD = "method by A. Kaku, S. Upadhya and N. Razavian"
"""Whose the method is, in the words of ``metadata.json``."""


@dataclass(frozen=True)
class Owner:
    """What the maker of a package states; None: nothing."""

    title: str | None = None  # of the classifier, for people
    authors: str | None = None
    contact: str | None = None  # where they can be asked
    license: str | None = None  # text of the licence of the weights
    data_statement: str | None = None  # text on the images: whose they are, and what allows this use

    def missing(self) -> list[str]:
        """Names of what is not stated."""
        return [one.name for one in fields(self) if getattr(self, one.name) is None]


def read_owner(
    title: str | None = None,
    authors: str | None = None,
    contact: str | None = None,
    license: str | os.PathLike[str] | None = None,
    data_statement: str | os.PathLike[str] | None = None,
) -> Owner:
    """Take what the command line states; ``license`` and ``data_statement`` are text files.

    An empty text, one of several lines where one is meant, or a file that cannot be read as UTF-8 is a PackageError.
    """
    lines = {"title": title, "authors": authors, "contact": contact}
    for name, text in lines.items():
        if text is not None and (not text.strip() or "\n" in text):
            raise PackageError(f"{name} is {text!r}, but must be a text on one line: leave it out, or fill it in.")
    texts = {"license": license, "data_statement": data_statement}
    return Owner(
        **{name: text and text.strip() for name, text in lines.items()},
        **{name: None if path is None else _text(Path(path), name) for name, path in texts.items()},
    )


def stated_in(owner: Owner) -> dict[str, Any]:
    """What ``metadata.json`` of an adapted bundle keeps of its owner, for its packages: the key ``stated``."""
    kept = {name: getattr(owner, name) for name in ("authors", "contact")}
    kept["data_statement"] = True if owner.data_statement is not None else None  # its text is docs/data_license.txt
    return {name: value for name, value in kept.items() if value is not None}


def with_stated(owner: Owner, metadata: Mapping[str, Any], data_text: str) -> Owner:
    """The owner of a package; what is not given is what the bundle's metadata, and its data statement, say."""
    stated = metadata.get("stated") or {}
    known = {name: stated.get(name) for name in ("authors", "contact")}
    known["data_statement"] = data_text if stated.get("data_statement") is True else None
    return replace(owner, **{name: value for name, value in known.items() if value and getattr(owner, name) is None})


def _text(path: Path, name: str) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise PackageError(f"{name}: there is no file {str(path)!r}: give the file that holds the text.") from error
    except (OSError, ValueError) as error:
        raise PackageError(f"{name}: {path} is no text file that can be read: give one in UTF-8.") from error
    if not text.strip():
        raise PackageError(f"{name}: {path} is empty: write the text into it, or leave the option out.")
    return text.rstrip() + "\n"


def package_name(modality: str, name: str | None = None, adapted: str | None = None) -> str:
    """The name of a package and of its only folder: by data and task, as MONAI's model zoo has them.

    Args:
        modality: such as "chest".
        name: another one, a plain name of a folder; None: ``<data>_classification_mocoi`` (MONAI Label takes a name
            without "classification" for a segmentation).
        adapted: name of an adapted bundle, in the place of the data, so that two packages have two folders.
    """
    if name is None:
        return f"{adapted or _TASKS.get(modality, modality)}_classification_mocoi"
    if not _NAME.fullmatch(name) or name.endswith((".", ".zip")):
        raise PackageError(
            f"the name is {name!r}, but must be a plain name of a folder: letters, digits, '_', '-' and '.', such as "
            f"{package_name(modality)}."
        )
    return name
