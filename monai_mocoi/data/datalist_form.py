"""Form of ``datalist.json``: its splits and keys, and each item's name, label and patient, checked."""

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.data.columns import NO_COLUMNS
from monai_mocoi.errors import DatasetError

DATALIST_NAME = "datalist.json"
MANIFEST_NAME = "manifest.json"
SPLITS = ("training", "validation", "test")
PRETRAINING = "pretraining"
"""A split that a datalist may have beside them, for pretraining alone: what labels its items have is ignored."""


def is_labelled(item: Mapping[str, Any]) -> bool:
    """An item whose label is null, or a list of nothing but nulls, has none."""
    label = item.get("label")
    return label is not None and not (isinstance(label, Sequence) and all(value is None for value in label))


def listed_splits(document: Mapping[str, Any]) -> list[str]:
    """The splits that a document has, in their order."""
    return [*SPLITS, *([PRETRAINING] if PRETRAINING in document else [])]


def check_keys(document: Any) -> None:
    """Refuse a document that lacks a key, or has one of another type."""
    needed = ("name", "labels", *SPLITS)
    if not isinstance(document, dict):
        raise DatasetError(f"{DATALIST_NAME} must hold one JSON object with the keys {', '.join(needed)}.")
    if missing := [key for key in needed if key not in document]:
        raise DatasetError(f"{DATALIST_NAME} lacks the key(s) {', '.join(missing)}; a split may be an empty list.")
    for key, kind, word in (
        ("name", str, "a text"),
        ("labels", dict, "an object"),
        *((s, list, "a list") for s in listed_splits(document)),
    ):
        if not isinstance(document[key], kind):
            raise DatasetError(f"{DATALIST_NAME}: '{key}' must be {word}, not {type(document[key]).__name__}.")


def label_names(labels: dict[str, Any]) -> tuple[str, ...]:
    """The names in ``labels``, whose keys are "0", "1", ... without a gap."""
    expected = [str(i) for i in range(len(labels))]
    if sorted(labels, key=lambda key: (len(key), key)) != expected:
        raise DatasetError(
            f'{DATALIST_NAME}: the keys of \'labels\' must be "0", "1", ... without a gap, not {", ".join(labels)}.'
        )
    names = tuple(labels[key] for key in expected)
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise DatasetError(f"{DATALIST_NAME}: 'labels' must give each value a name of its own.")
    return names


def checked_items(
    folder: Path, split: str, entries: list[Any], labels: tuple[str, ...], places: dict[str, str]
) -> list[dict[str, Any]]:
    """The items of a split, checked; ``places`` takes along the names of training, which pretraining may not repeat."""
    items = []
    first_place = places if split in ("training", PRETRAINING) else {}
    for index, entry in enumerate(entries):
        place = f"{DATALIST_NAME}: {split}[{index}]"
        if not isinstance(entry, dict):
            raise DatasetError(f"{place} must be an object with image, label and patient.")
        name = _checked_name(place, entry.get("image"))
        if name in first_place:
            raise DatasetError(f"{place}: '{name}' is listed already at {first_place[name]}; remove one.")
        first_place[name] = f"{split}[{index}]"
        patient = entry.get("patient")
        if not isinstance(patient, str) or not patient:
            raise DatasetError(
                f"{place}: 'patient' is {'missing' if patient is None else repr(patient)}; every item needs its "
                "patient's id as a text, because splits and confidence intervals go by patient."
            )
        if patient != patient.strip():
            raise DatasetError(
                f"{place}: 'patient' is {patient!r}, with blanks around it, which would make another patient of the "
                f"same person; write {patient.strip()!r}."
            )
        item: dict[str, Any] = {"image": os.path.join(folder, *name.split("/")), "name": name, "patient": patient}
        if entry.get("label") is not None:
            _check_label(place, entry["label"], labels)
        if is_labelled(entry):
            item["label"] = entry["label"]
        # What else is told of an image, such as sex and age; lists and objects are another program's.
        columns = {key: value for key, value in entry.items() if key not in NO_COLUMNS}
        items.append(item | {k: v for k, v in columns.items() if isinstance(v, str | int | float | None)})
    return items


def _checked_name(place: str, name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise DatasetError(f"{place}: 'image' must be the image's path relative to the dataset folder.")
    absolute = name.startswith("/") or re.match(r"[A-Za-z]:", name) is not None
    if absolute or "\\" in name or "\0" in name or posixpath.normpath(name) != name or name.split("/")[0] == "..":
        shown = "an absolute path" if absolute else repr(name)
        raise DatasetError(
            f"{place}: 'image' is {shown}; it must be a plain path inside the dataset folder, such as "
            "'images/x.png': relative, with '/', without '.' or '..' parts."
        )
    return name


def _check_label(place: str, label: Any, labels: tuple[str, ...]) -> None:
    if type(label) is int:
        if not 0 <= label < len(labels):
            raise DatasetError(f"{place}: label {label} is unknown; 'labels' has the values 0 to {len(labels) - 1}.")
    elif isinstance(label, list):
        if len(label) != len(labels):
            raise DatasetError(f"{place}: the label has {len(label)} values, but 'labels' names {len(labels)}.")
        for value in label:
            if value is not None and (type(value) is not int or value not in (0, 1)):
                raise DatasetError(
                    f"{place}: label value {value!r}; the values of a multi-label item are 0, 1 and null (not known)."
                )
    else:
        raise DatasetError(
            f"{place}: label {label!r}; it must be a whole number, or a list with 0, 1 or null (not known) a finding; "
            "an image whose label is not known has none."
        )
