"""Checks across a datalist's items: one kind of label, one id a person, and every file in its folder."""

import logging
import os
import posixpath
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist_form import DATALIST_NAME
from monai_mocoi.data.patient_ids import SCHEME_OF_SOURCE, patient_in_name, patient_key
from monai_mocoi.errors import DatasetError

logger = logging.getLogger(__name__)


def check_labels_alike(splits: dict[str, list[dict[str, Any]]]) -> None:
    """One kind of label in the whole list: batches and metrics need it."""
    kinds = {type(item["label"]) for items in splits.values() for item in items if "label" in item}
    if len(kinds) > 1:
        raise DatasetError(f"{DATALIST_NAME}: some labels are numbers and some are lists; use one kind throughout.")


def check_patients(splits: dict[str, list[dict[str, Any]]], source: Any) -> None:
    """One person, one id: else a person is learnt from and tested on, and no audit by patient can see it."""
    spelled: dict[str, tuple[str, str]] = {}
    named: dict[tuple[str, str], tuple[str, str]] = {}
    spellings: list[str] = []
    contradictions: dict[str, list[str]] = {}
    # A date and a number look like a name of NIH: only where the names are known to tell the patient do they bind.
    binding = {scheme for known, scheme in SCHEME_OF_SOURCE.items() if known == source}
    for split, items in splits.items():
        for index, item in enumerate(items):
            patient, place = item["patient"], f"{split}[{index}]"
            alike = patient_key(unicodedata.normalize("NFKC", patient).casefold())
            other, there = spelled.setdefault(alike, (patient, place))
            if other != patient:
                spellings.append(f"'{other}' at {there} and '{patient}' at {place}")
            told = patient_in_name(item["name"])
            if told is None:
                continue
            scheme, number = told
            if patient_key(number) == patient_key(patient):
                binding.add(scheme)
            other, there = named.setdefault(told, (patient, place))
            if patient_key(other) != patient_key(patient):
                contradictions.setdefault(scheme, []).append(
                    f"'{other}' at {there} and '{patient}' at {place}, both {number} by the names of {scheme}"
                )
    if spellings:
        raise DatasetError(
            f"{DATALIST_NAME}: one patient is written in two ways, in {len(spellings)} place(s): "
            f"{_some(spellings, separator='; ')}. They would count as two persons: write each id in one way."
        )
    if errors := [text for scheme, texts in contradictions.items() if scheme in binding for text in texts]:
        raise DatasetError(
            f"{DATALIST_NAME}: images of one person have different patients, in {len(errors)} place(s): "
            f"{_some(errors, separator='; ')}. Correct 'patient'; or, if the names are not of that scheme, "
            "rename the images."
        )
    for scheme, texts in contradictions.items():
        logger.warning(
            "%s: %d image(s) would be of a person with another 'patient' too, if their names were those of %s. If "
            "they are, correct 'patient': one person could be in training and test. If not, all is well.",
            DATALIST_NAME,
            len(texts),
            scheme,
        )


def check_files(folder: Path, splits: dict[str, list[dict[str, Any]]], links_out: bool) -> None:
    """Each image in its folder, and a link only within it, unless ``links_out``."""
    # One listing a folder, not one look-up a file: a hundred thousand look-ups on a network disk take minutes.
    root = os.path.realpath(folder)
    listings: dict[str, dict[str, bool]] = {}
    missing, outside = [], []
    for item in (item for items in splits.values() for item in items):
        parent, base = posixpath.split(item["name"])
        if parent not in listings:
            listings[parent] = _listing(os.path.join(folder, parent))
            if not _inside(os.path.realpath(os.path.join(folder, parent)), root):
                outside.append(parent)
        is_link = listings[parent].get(base)
        if is_link is None:
            missing.append(item["name"])
        elif is_link and not links_out and not _inside(os.path.realpath(item["image"]), root):
            outside.append(item["name"])
        elif is_link and not os.path.isfile(item["image"]):
            missing.append(item["name"])
    if outside:
        raise DatasetError(
            f"{DATALIST_NAME}: {_some(outside)} lead(s) out of the dataset folder through a symbolic link. Copy the "
            "files in, so that the folder is complete and can be moved."
        )
    if missing:
        total = sum(map(len, splits.values()))
        raise DatasetError(
            f"{len(missing)} of {total} images of {DATALIST_NAME} are not in the dataset folder: {_some(missing)}. "
            "Copy them in again, or prepare the dataset folder anew."
        )


def _listing(directory: str) -> dict[str, bool]:
    """Return the files of a directory and whether each is a symbolic link; empty if there is no such directory."""
    try:
        with os.scandir(directory) as entries:
            return {entry.name: entry.is_symlink() for entry in entries if entry.is_symlink() or entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)


def _some(names: Sequence[str], limit: int = 5, separator: str = ", ") -> str:
    return separator.join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
