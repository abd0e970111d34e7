"""Enough images: to learn from, to choose the epoch by (fault A18), and for a number to mean anything."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.labels import class_sides, label_array, unknown_counts
from monai_mocoi.errors import DatasetError, NothingLearntError

LEAST_TO_PRETRAIN = 10
"""Training images below which pretraining is refused."""
FEW_TO_PRETRAIN = 200
"""Training images below which it comes with a warning."""
FEW_LABELLED = 20
"""Labelled training images below which a classifier comes with a warning."""

logger = logging.getLogger(__name__)


def check_enough_to_pretrain(datalist: Datalist, mask_own_patient: bool = False) -> None:
    """Refuse fewer than 10 training images (DatasetError), and warn of fewer than 200.

    With ``mask_own_patient``, under which only other patients' images are negatives, images of one patient are refused.
    """
    images = len(datalist.training)
    needed = "pretraining needs a few hundred training images at least, better thousands (labels are not needed)"
    if images < LEAST_TO_PRETRAIN:
        raise DatasetError(f"{images} training image(s) cannot pretrain an encoder: {needed}. Add images.")
    if mask_own_patient and len({item["patient"] for item in datalist.training}) < 2:
        raise DatasetError(
            f"all {images} training images are of one patient, and with mask_own_patient none is a negative of "
            "another: set mask_own_patient to false, or add images of other patients."
        )
    if images < FEW_TO_PRETRAIN:
        logger.warning(
            "Pretraining on %d images: the encoder will learn next to nothing, whatever the curves say; %s.",
            images,
            needed,
        )


def check_learnable(items: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Refuse labels (NothingLearntError) of which no class has both a positive and a negative training image."""
    positives, negatives = (side.sum(0) for side in class_sides(label_array(items), len(names)))
    if np.any((positives > 0) & (negatives > 0)):
        return
    unknown = unknown_counts(items, names)
    counts = ", ".join(
        f"{name} {count}" + (f", not known of {unknown[name]}" if name in unknown else "")
        for name, count in zip(names, positives, strict=True)
    )
    raise NothingLearntError(
        f"nothing can be learnt from the labels of the {len(items)} training image(s): of no class there is both an "
        f"image that has it and one that has it not (images that have it: {counts}). Check the labels of the data set; "
        "where only a fraction was drawn, raise label_fraction or take another label_seed.",
        len(items),
    )


def few_labelled_in_words(images: int) -> str | None:
    """A sentence that warns of a classifier that learns from too few images; None: there are 20 or more."""
    if images >= FEW_LABELLED:
        return None
    return (
        f"training: only {images} labelled image(s): a classifier learns next to nothing from them, and no figure of "
        "it means anything. Label a few hundred, or raise label_fraction."
    )


def few_scored_in_words(labels: NDArray[np.int64], names: Sequence[str]) -> str:
    """Why metrics on so few images mean nothing, to be put behind them in brackets; empty where they do mean something.

    ``labels``: of the images scored, as :func:`~monai_mocoi.data.labels.label_array` gives them.
    """
    rule = selection_rule(labels, names).rule
    if rule == "metric" or not len(labels):
        return ""
    if len(labels) < MIN_IMAGES:
        return f"{len(labels)} image(s): means nothing"
    return f"no class has {MIN_OF_EACH} positive and {MIN_OF_EACH} negative images: means nothing"


MIN_IMAGES = 20
MIN_OF_EACH = 5


class SelectionRule(NamedTuple):
    """What chooses the epoch whose weights are kept."""

    rule: str  # "metric": the reported one on validation; "loss": that of validation; "last": the last epoch is taken
    reason: str  # why, as a sentence
    classes: tuple[str, ...]  # with at least 5 positive and 5 negative validation images


def selection_rule(labels: NDArray[np.int64] | None, names: Sequence[str]) -> SelectionRule:
    """Choose by the reported metric where it means something, else by the loss, else not at all.

    ``labels``: of the validation images that have labels, see :func:`~monai_mocoi.data.labels.label_array`; None: none.
    ``names``: of the classes or findings. Returns "last" for fewer than 20 images; "loss" where every class has fewer
    than 5 positive or fewer than 5 negative images; otherwise "metric".
    """
    if labels is None:
        return SelectionRule("last", "no validation image has a label: the last epoch is taken.", ())
    images = len(labels)
    positives, negatives = (side.sum(0) for side in class_sides(labels, len(names)))
    enough = np.minimum(positives, negatives) >= MIN_OF_EACH
    classes = tuple(name for name, kept in zip(names, enough, strict=True) if kept)
    held = f"validation has {images} labelled image(s)"
    if images < MIN_IMAGES:
        reason = f"{held}, fewer than {MIN_IMAGES}: the last epoch is taken."
        return SelectionRule("last", reason, classes)
    if not classes:
        reason = f"{held}, but no class has {MIN_OF_EACH} positive and {MIN_OF_EACH} negative ones: by the loss."
        return SelectionRule("loss", reason, classes)
    reason = (
        f"{held}; {len(classes)} of {len(names)} classes have at least {MIN_OF_EACH} positive and {MIN_OF_EACH} "
        "negative ones: by the metric."
    )
    return SelectionRule("metric", reason, classes)


def require_images(datalist: Datalist, **at_least: int) -> None:
    """Refuse (DatasetError) a data set whose splits have fewer images than needed: ``training=64, validation=2``."""
    for split, needed in at_least.items():
        found = len(datalist.splits()[split])
        if found < needed:
            hint = "lower batch_size, or add images" if split == "training" else "prepare the data set with more in it"
            raise DatasetError(f"the {split} split has {found} image(s), but {needed} are needed: {hint}.")
