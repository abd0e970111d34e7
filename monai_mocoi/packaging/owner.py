"""Whose a package is: what its maker states, and what is said where nothing is, so that nobody is credited wrongly."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from monai_mocoi.errors import PackageError
from monai_mocoi.packaging.finetuned_run import FinetunedRun

PUBLIC_SETS = {
    "chest": "NIH ChestX-ray14",
    "histology": "Breast histopathology (IDC)",
    "fundus": "EyePACS",
}
"""By modality, what ``data_prep`` calls the public data set that the bundles are made for."""

NOT_STATED = "not stated"
_TASKS = {"chest": "chest_xray", "histology": "histopathology"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
METHOD = "method by A. Kaku, S. Upadhya and N. Razavian"
"""Whose the method is, in the words of ``metadata.json``."""


@dataclass(frozen=True)
class Owner:
    """What the maker of a package states; None: nothing.

    Attributes:
        title: of the classifier, for people.
        authors: who made it.
        contact: where they can be asked.
        license: text of the licence of the weights.
        data_statement: text on the images: whose they are, and what allows this use.
    """

    title: str | None = None
    authors: str | None = None
    contact: str | None = None
    license: str | None = None
    data_statement: str | None = None

    def missing(self) -> list[str]:
        """The options of ``mocoi package`` that were not given."""
        return [f"--{f.name.replace('_', '-')}" for f in fields(self) if getattr(self, f.name) is None]


def read_owner(
    title: str | None = None,
    authors: str | None = None,
    contact: str | None = None,
    license: str | os.PathLike[str] | None = None,
    data_statement: str | os.PathLike[str] | None = None,
) -> Owner:
    """Take what the command line states; ``license`` and ``data_statement`` are text files.

    Raises:
        PackageError: an empty text, one of several lines where one is meant, or a file that cannot be read as UTF-8.
    """
    lines = {"title": title, "authors": authors, "contact": contact}
    for name, text in lines.items():
        if text is not None and (not text.strip() or "\n" in text):
            raise PackageError(f"--{name} is {text!r}, but must be a text on one line: leave it out, or fill it in.")
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
    """The owner of a package, with what the bundle was made with in the place of what is not given.

    Args:
        owner: as given for the package.
        metadata: of the bundle.
        data_text: its ``docs/data_license.txt``, which is the owner's statement only where ``metadata`` says so.
    """
    stated = metadata.get("stated") or {}
    known = {name: stated.get(name) for name in ("authors", "contact")}
    known["data_statement"] = data_text if stated.get("data_statement") is True else None
    return replace(owner, **{name: value for name, value in known.items() if value and getattr(owner, name) is None})


def _text(path: Path, name: str) -> str:
    option = f"--{name.replace('_', '-')}"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise PackageError(f"{option}: there is no file {str(path)!r}: give the file that holds the text.") from error
    except (OSError, ValueError) as error:
        raise PackageError(f"{option}: {path} is no text file that can be read: give one in UTF-8.") from error
    if not text.strip():
        raise PackageError(f"{option}: {path} is empty.")
    return text.rstrip() + "\n"


def package_name(modality: str, name: str | None = None, adapted: str | None = None) -> str:
    """The name of a package and of its only folder: by data and task, as MONAI's model zoo has them.

    Args:
        modality: such as "chest".
        name: another one; None: ``<data>_classification_mocoi``. MONAI Label takes what has no "classification" in its
            name for a segmentation.
        adapted: name of an adapted bundle, which stands for its data: packages of two do not unzip into one folder.

    Raises:
        PackageError: the name is no plain name of a folder.
    """
    if name is None:
        return f"{adapted or _TASKS.get(modality, modality)}_classification_mocoi"
    if not _NAME.fullmatch(name) or name.endswith((".", ".zip")):
        raise PackageError(
            f"--name is {name!r}, but must be a plain name of a folder: letters, digits, '_', '-' and '.', such as "
            f"{package_name(modality)}."
        )
    return name


def of_public_data(run: FinetunedRun) -> bool:
    """Whether the run's data set is called what ``data_prep`` calls the public one of its modality."""
    return not run.is_demo and run.sidecar.get("dataset") == PUBLIC_SETS.get(run.sidecar["modality"])


def metadata_of(owner: Owner, name: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    """``name``, ``authors``, ``copyright`` and ``contact`` of a package's ``metadata.json``."""
    made = {
        "name": owner.title or name,
        "authors": f"{owner.authors or NOT_STATED}; {METHOD}",
        "copyright": f"weights: {owner.authors or f'{NOT_STATED} whose they are'}; configs and code: "
        f"{metadata.get('copyright', NOT_STATED)}",
    }
    return made | ({"contact": owner.contact} if owner.contact else {})


def license_files(owner: Owner, of_bundle: str) -> dict[str, str]:
    """``LICENSE``, and where it is the maker's own, the bundle's under ``docs/``, which still holds for the configs."""
    if owner.license is not None:
        return {"LICENSE": owner.license, "docs/license_of_configs.txt": of_bundle}
    note = (
        "The licence below is that of the configs and of the software. For the weights (models/) whoever made this\n"
        "package has stated no licence: ask them before you use or hand on the weights.\n\n"
    )
    return {"LICENSE": note + of_bundle}


def data_license(owner: Owner, run: FinetunedRun, of_bundle: str) -> str:
    """``docs/data_license.txt``: the maker's statement, or what is known without one."""
    if owner.data_statement is not None:
        return owner.data_statement
    if run.is_demo:
        return (
            "This package contains no data. The classifier was trained on images drawn by monai_mocoi; they show "
            "nobody.\n"
        )
    if of_public_data(run):
        return of_bundle.replace("This bundle", "This package")
    return (
        "This package contains no data. Whoever made it has stated nothing on the images that the classifier was\n"
        "trained on: whose they are, under which terms, and with whose consent they were used. Ask them.\n"
    )


def describe_owner(owner: Owner, run: FinetunedRun) -> Iterator[tuple[str, str]]:
    """Rows of the model card."""
    yield "Authors", owner.authors or f"**{NOT_STATED}**"
    yield "Contact", owner.contact or f"**{NOT_STATED}**"
    yield "Licence of the weights", "`LICENSE`" if owner.license else f"**{NOT_STATED}**"
    if owner.data_statement is not None or run.is_demo:
        yield "Statement on the data", "`docs/data_license.txt`"
    elif of_public_data(run):
        yield "Statement on the data", "terms of the public data set: `docs/data_license.txt`"
    else:
        yield "Statement on the data", f"**{NOT_STATED}**"
    yield "Method and software", f"{METHOD}; monai_mocoi"
