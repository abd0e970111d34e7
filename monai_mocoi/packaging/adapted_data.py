"""Data set of ``mocoi adapt``: manifest, labels and folder name; what is refused, and what to look at before a run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.datalist_form import MANIFEST_NAME
from monai_mocoi.data.enough_images import FEW_TO_PRETRAIN, check_learnable
from monai_mocoi.data.labels import label_kind, labelled_items
from monai_mocoi.data.picture_facts import PictureFacts
from monai_mocoi.errors import AdaptError, DatasetError
from monai_mocoi.packaging.adapted_settings import Choice, Labels
from monai_mocoi.packaging.config_values import check_labels_readable, json_object, reads_as_itself

_KINDS = {"multi": "multilabel", "single": "multiclass", "none": None}


def read_manifest(dataset: Path) -> dict[str, Any]:
    """What ``data_prep`` says of a dataset folder, if a bundle can be made of it (else AdaptError); empty without."""
    path = dataset / MANIFEST_NAME
    if not path.is_file():
        return {}
    remedy = "nobody knows whether its images are identified, so prepare the folder again."
    manifest = json_object(path, f"{MANIFEST_NAME} of the dataset folder", AdaptError, remedy)
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
    """The labels of a data set, if it can be learnt from and is of the kind that the manifest says; or AdaptError."""
    kind = label_kind(datalist) if labelled_items(datalist.training) else None
    labels = Labels(datalist.labels, kind) if kind else Labels()
    stated = manifest.get("label_kind")
    if stated is not None and _KINDS[stated] != kind:
        raise AdaptError(
            f"{MANIFEST_NAME} says label_kind {stated!r}, but the training labels in datalist.json are "
            f"{labels.in_words()}: prepare the data set again."
        )
    if kind == "multiclass" and len(labels.names) < 2:
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


_FAR_FROM_SQUARE = 1.2


def warnings_of(
    train: Mapping[str, Any], choices: Sequence[Choice], facts: PictureFacts, stains_left_out: bool
) -> Iterator[str]:
    """What may not fit, though nothing speaks against it for sure, given the source bundle's ``train.json``."""
    chosen = {choice.name: choice.value for choice in choices}
    if chosen["channels"] != train["channels"]:
        meant, found = ("grey" if of["channels"] == 1 else "colour" for of in (train, chosen))
        left_out = " (the jitter of stains is left out)" if stains_left_out else ""
        yield (
            f"{train['bundle']} is made for {meant} pictures, and these are {found}: its random views were chosen for "
            f"others{left_out}. Look at the views in train.json and the train_transforms in finetune.json."
        )
    if 0 < 2 * facts.coloured <= facts.read and chosen["channels"] == 1:
        yield f"{facts.coloured} of {facts.read} pictures show colour; they are made grey."
    if chosen["resize_mode"] == "fundus" and facts.without_disc:
        yield (
            f"in {facts.without_disc} of {facts.read} pictures no usable fundus is found, at which a run stops: leave "
            "them out (on_bad_image skip), or take dark and bright ones too (resize_mode fundus_any)."
        )
    if chosen["resize_mode"] == "crop" and facts.long_to_short > _FAR_FROM_SQUARE:
        lost = 1 - 1 / facts.long_to_short
        yield (
            f"half of the pictures are at least {facts.long_to_short:.1f} times as long as wide: resize_mode crop "
            f"leaves out {lost:.0%} of such a one, at its two ends; pad keeps all."
        )
    if facts.unreadable:
        yield f"{facts.unreadable} of {facts.read + facts.unreadable} pictures could not be read: the run names them."


def warnings_of_data(labels: Labels, datalist: Datalist, images: int) -> Iterator[str]:
    """What a run will lack, given the number of images to pretrain on."""
    if images < FEW_TO_PRETRAIN:
        yield (
            f"{images} images to pretrain on teach an encoder next to nothing: a few hundred at least, better "
            "thousands (labels are not needed)."
        )
    if len(datalist.validation) < 2:
        yield f"{len(datalist.validation)} validation image(s): pretraining needs 2. Prepare the data set with more."
    if labels.kind is None:
        yield "no training image has a label: train.json runs; finetune.json and evaluate.json need labels."
        return
    try:
        check_learnable(labelled_items(datalist.training), labels.names)
    except DatasetError as error:
        yield f"finetune.json will refuse this data set: {error}"
