"""Warnings of ``mocoi adapt``: what to look at before a run with the new bundle."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.enough_images import FEW_TO_PRETRAIN, check_learnable
from monai_mocoi.data.labels import labelled_items
from monai_mocoi.data.picture_facts import PictureFacts
from monai_mocoi.errors import DatasetError
from monai_mocoi.packaging.adapted_settings import Choice, Labels

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
