"""Labelled images given by name: read from an earlier run's ``labelled.json`` and found in the datalist."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.errors import DatasetError


def given_images(
    file: Path, datalist: Datalist, labelled: Mapping[str, Sequence[dict[str, Any]]], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]], list[str]]:
    """The settings that an earlier run's file (or folder) says, of ``labelled`` the items that it names, and warnings.

    DatasetError: it cannot be read, contradicts the ``settings``, or names what is not there, or twice.
    """
    document = _read_ids(file)
    kept = {split: _find_items(datalist, split, items, document[split]) for split, items in labelled.items()}
    agreed = {key: _agreed(key, value, document) for key, value in settings.items()}
    other = document.get("dataset_sha256", datalist.sha256) != datalist.sha256
    warning = "label_ids were drawn from another version of this data set; all images named are in it."
    return agreed, kept, [warning] if other else []


def _read_ids(file: Path) -> LabelledImages:
    file = file / LabelledImages.FILE if file.is_dir() else file
    hint = f"Give the {LabelledImages.FILE} of a run folder, or the run folder."
    try:
        document = json.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"label_ids: '{file.name}' cannot be read ({error.strerror}). {hint}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"label_ids: '{file.name}' is not valid JSON ({error}). {hint}") from None
    labelled = LabelledImages.of(document, f"label_ids: '{file.name}'")
    if not labelled.training:
        raise DatasetError(f"label_ids: '{file.name}' names no training image.")
    return labelled


def _agreed(key: str, value: Any, document: Mapping[str, Any]) -> Any:
    stated = document.get(key)
    if None not in (stated, value) and stated != value:
        raise DatasetError(
            f"label_ids: its images were drawn with {key} {stated}, but {key} is {value}: set {key} to {stated}, so "
            "that the run is filed under what it has."
        )
    return stated


def _find_items(
    datalist: Datalist, split: str, items: Sequence[dict[str, Any]], names: Sequence[str]
) -> list[dict[str, Any]]:
    wanted = set(names)
    if len(wanted) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(
            f"label_ids: {len(names) - len(wanted)} name(s) of '{split}' are repeated, first '{twice}'; "
            "each image counts once."
        )
    if missing := wanted - {item["name"] for item in items}:
        if unlabelled := [item["name"] for item in datalist.splits()[split] if item["name"] in missing]:
            raise DatasetError(
                f"label_ids: {len(unlabelled)} of {len(names)} images of '{split}' have no label in this data set, "
                f"first '{unlabelled[0]}': the ids are of another version of it. Take them out of the file, or add "
                "their labels to the datalist."
            )
        for other, others in datalist.splits().items():
            if misplaced := [item["name"] for item in others if item["name"] in missing]:
                raise DatasetError(
                    f"label_ids: {len(misplaced)} of {len(names)} images of '{split}' are in the {other} split of this "
                    f"data set, first '{misplaced[0]}': the ids are of another split of the data."
                )
        raise DatasetError(
            f"label_ids: {len(missing)} of {len(names)} images of '{split}' are not in the {split} split of this data "
            f"set, first '{next(name for name in names if name in missing)}'. Give the ids that were drawn from it."
        )
    return [item for item in items if item["name"] in wanted]
