"""Weights against unequal classes: of the classes in a loss, and of the images in a draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.data.labels import class_sides, label_array
from monai_mocoi.errors import DatasetError


def class_weights(items: Sequence[Mapping[str, Any]], classes: int, limit: float = 100.0) -> torch.Tensor:
    """Return a weight for each class, which makes a rare one count as much as a frequent one.

    For multi-label items it is ``pos_weight`` of ``torch.nn.BCEWithLogitsLoss``: negatives / positives, of the images
    in which the finding is known. Otherwise it is
    ``weight`` of ``torch.nn.CrossEntropyLoss``: images / (classes that occur * images of the class), so that the mean
    weight of an image is 1 (before the limit).

    Args:
        items: of the training split, with labels.
        classes: number of findings or classes.
        limit: no weight is above it, so that a single positive image cannot rule a step; above 0.

    Returns:
        (classes,) float32, above 0. It is 1 for a class without a positive image, and for a finding without a
        negative one: there is nothing to balance, and a weight of 0 would hide its loss.

    Raises:
        DatasetError: no labels, labels that do not fit ``classes``, or a limit that is not above 0.

    Examples:
        >>> from monai_mocoi.data import class_weights
        >>> class_weights([{"label": [1]}, {"label": [0]}, {"label": [0]}, {"label": [0]}], classes=1)
        tensor([3.])
    """
    if not limit > 0:
        raise DatasetError(f"the limit of the class weights is {limit}; it must be above 0.")
    labels = label_array(items)
    positives, negatives = (side.sum(0) for side in class_sides(labels, classes))
    above = negatives if labels.ndim == 2 else np.full(classes, len(labels) / (positives > 0).sum())
    weights = np.where((positives > 0) & (above > 0), above / np.maximum(positives, 1), 1)
    return torch.tensor(np.minimum(weights, limit), dtype=torch.float32)


def balancing_groups(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class that an image stands for when classes are to be drawn alike, and the image's weight.

    An image stands for its class; with several findings for the rarest that it is known to have (the first of equally
    rare ones), and without any for "no finding", which counts as a class of its own. Its weight is 1 / the number of
    images that have this class. So images of a single class are drawn alike for all classes. Of several findings one
    that mostly comes with a rarer one is drawn more often through it and less by itself.

    Args:
        labels: as :func:`~monai_mocoi.data.labels.label_array` gives them.

    Returns:
        (images,) the class, for no finding the number of findings; (images,) the weight, sum 1.
    """
    if labels.ndim == 1:
        group, positives = labels, np.bincount(labels)
    else:
        found = labels == 1
        with_none = np.column_stack([found, ~found.any(1)]).astype(np.int64)
        positives = with_none.sum(0)
        group = np.where(with_none > 0, positives, len(labels) + 1).argmin(1)
    weights = 1 / positives[group]
    return group, weights / weights.sum()
