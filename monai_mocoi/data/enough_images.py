"""Are there images enough to learn from, or for a number to mean anything? Without torch: ``mocoi plan`` asks too."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.labels import class_sides, label_array, unknown_counts
from monai_mocoi.data.selection_rule import MIN_IMAGES, MIN_OF_EACH, selection_rule
from monai_mocoi.errors import DatasetError, NothingLearntError

LEAST_TO_PRETRAIN = 10
"""Training images below which pretraining is refused."""
FEW_TO_PRETRAIN = 200
"""Training images below which it comes with a warning."""
FEW_LABELLED = 20
"""Labelled training images below which a classifier comes with a warning."""

logger = logging.getLogger(__name__)


def check_enough_to_pretrain(datalist: Datalist) -> None:
    """Refuse a training split that no encoder can be pretrained on, and warn of one that teaches it little.

    Args:
        datalist: of the run.

    Raises:
        DatasetError: fewer than 10 training images. Below 200 there is a warning.
    """
    images = len(datalist.training)
    needed = "pretraining needs a few hundred training images at least, better thousands (labels are not needed)"
    if images < LEAST_TO_PRETRAIN:
        raise DatasetError(f"{images} training image(s) cannot pretrain an encoder: {needed}. Add images.")
    if images < FEW_TO_PRETRAIN:
        logger.warning(
            "Pretraining on %d images: the encoder will learn next to nothing, whatever the curves say; %s.",
            images,
            needed,
        )


def check_learnable(items: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Refuse labels from which nothing can be learnt, because no class has both a positive and a negative image.

    Args:
        items: of the training split, with labels.
        names: of the classes or findings.

    Raises:
        NothingLearntError: gives the counts.
        DatasetError: the items have no labels.
    """
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

    Args:
        labels: of the images scored, as :func:`~monai_mocoi.data.labels.label_array` gives them.
        names: of the classes or findings.
    """
    rule = selection_rule(labels, names).rule
    if rule == "metric" or not len(labels):
        return ""
    if len(labels) < MIN_IMAGES:
        return f"{len(labels)} image(s): means nothing"
    return f"no class has {MIN_OF_EACH} positive and {MIN_OF_EACH} negative images: means nothing"
