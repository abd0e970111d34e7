"""Data set of ``mocoi adapt``: its manifest, labels and folder name, refused where no bundle can be made of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.datalist_form import MANIFEST_NAME
from monai_mocoi.data.labels import label_kind, labelled_items
from monai_mocoi.errors import AdaptError
from monai_mocoi.packaging.adapted_settings import Labels
from monai_mocoi.packaging.config_text import check_labels_readable, reads_as_itself

_KINDS = {"multi": "multilabel", "single": "softmax", "none": None}


def read_manifest(dataset: Path) -> dict[str, Any]:
    """What ``data_prep`` says of a dataset folder; empty for one made by hand.

    AdaptError: it cannot be read, says that the images are identified, or names what no bundle can have.
    """
    path = dataset / MANIFEST_NAME
    if not path.is_file():
        return {}
    try:
        manifest = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise AdaptError(
            f"{MANIFEST_NAME} of the dataset folder cannot be read ({type(error).__name__}), so nobody knows whether "
            "its images are identified: prepare the folder again."
        ) from error
    if manifest.get("identified"):
        raise AdaptError(
            "the dataset folder is marked as identified: it refers to images that name patients, and nothing that is "
            "handed on may be made of it. Prepare it without identities (not in place), into a folder of its own."
        )
    for key, allowed in (("channels", (None, 1, 3)), ("label_kind", (None, *_KINDS))):
        if manifest.get(key) not in allowed:
            raise AdaptError(
                f"{MANIFEST_NAME} of the dataset folder says {key} {manifest[key]!r}, but a bundle can have "
                f"{' or '.join(str(value) for value in allowed if value is not None)}: prepare the images so."
            )
    return manifest


def read_labels(datalist: Datalist, manifest: Mapping[str, Any]) -> Labels:
    """The labels of a data set, of the kind that the manifest says, if it says one.

    AdaptError: nothing can be learnt from them, the kinds differ, or MONAI would read a name as something else.
    """
    kind = label_kind(datalist) if labelled_items(datalist.training) else None
    labels = Labels(datalist.labels, kind) if kind else Labels()
    stated = manifest.get("label_kind")
    if stated is not None and _KINDS[stated] != kind:
        raise AdaptError(
            f"{MANIFEST_NAME} says label_kind {stated!r}, but the training labels in datalist.json are "
            f"{labels.in_words()}: prepare the data set again."
        )
    if kind == "softmax" and len(labels.names) < 2:
        raise AdaptError(
            f"datalist.json has one class ({', '.join(labels.names)}), which nothing can be told from: name the other "
            "one too, or give a finding that is there or not, as a list [0] or [1] an image."
        )
    check_labels_readable(labels.names, AdaptError)
    return labels


def folder_name(folder: Path) -> str:
    """What the configs call the data set: not its path, which could name people. AdaptError: MONAI would misread it."""
    name = folder.name
    if name == "demo" or not reads_as_itself(name) or "::" in name:
        why = "the word for phantoms" if name == "demo" else "a text that MONAI's configs read otherwise"
        raise AdaptError(f"the dataset folder is called {name!r}, which is {why}: rename it.")
    return name
