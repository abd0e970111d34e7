"""The labels of a datalist's items as arrays."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.errors import DatasetError

logger = logging.getLogger(__name__)


def label_kind(datalist: Datalist) -> str:
    """Say what a datalist's labels are, which decides the classifier's last step and its loss.

    Returns:
        "multilabel": each item has a list of 0 and 1, one a finding. "softmax": each has the number of its one class.

    Raises:
        DatasetError: the training items have no labels.
    """
    return "multilabel" if label_array(datalist.training).ndim == 2 else "softmax"


def label_array(items: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
    """Return the labels of items of a datalist.

    Args:
        items: of one split, with a ``label``, all of the same kind.

    Returns:
        (images, findings) of 0 and 1 for multi-label items, (images,) class numbers otherwise.

    Raises:
        DatasetError: no items, or one without a label.
    """
    without = sum("label" not in item for item in items)
    if not items or without:
        what = "no items" if not items else f"{without} of {len(items)} items have no label"
        raise DatasetError(
            f"{what}: a classifier needs labels. Prepare the data set with labels, or choose one that has them; "
            "pretraining (train.json) needs none."
        )
    return np.array([item["label"] for item in items], dtype=np.int64)


def class_indicators(labels: NDArray[np.int64], classes: int) -> NDArray[np.bool_]:
    """Return which image has which finding or class.

    Args:
        labels: as :func:`label_array` gives them.
        classes: number of findings or classes.

    Returns:
        (images, classes).

    Raises:
        DatasetError: the labels do not fit the number of classes.
    """
    if labels.ndim == 2:
        if labels.shape[1] != classes:
            raise DatasetError(f"the labels have {labels.shape[1]} findings, but {classes} are named.")
        return labels.astype(bool)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise DatasetError(f"the labels go from {labels.min()} to {labels.max()}, but {classes} classes are named.")
    return labels[:, None] == np.arange(classes)


def check_labels_fit(classifier: Mapping[str, Any], datalist: Datalist, split: str) -> None:
    """Refuse to score a classifier on images with other labels than its own; warn of another data set.

    Args:
        classifier: its sidecar, with ``labels``, ``kind`` and ``dataset_sha256``.
        datalist: of the images.
        split: the one to be scored.

    Raises:
        DatasetError: the split is unknown or empty, has no labels, or others than the classifier's, in number, name or
            order.
    """
    splits = datalist.splits()
    if split not in splits:
        raise DatasetError(f"split is {split!r}; choose one of {', '.join(splits)}.")
    if not splits[split]:
        raise DatasetError(f"the {split} split has no images: choose another split, or prepare the data set with it.")
    kind = "multilabel" if label_array(splits[split]).ndim == 2 else "softmax"
    if (kind, list(datalist.labels)) != (classifier["kind"], list(classifier["labels"])):
        raise DatasetError(
            f"the classifier knows {_quoted(classifier['labels'])} ({classifier['kind']}), but the data set has "
            f"{_quoted(datalist.labels)} ({kind}): prepare the data set with the same labels in the same order."
        )
    if classifier.get("dataset_sha256") != datalist.sha256:
        trained_on = classifier.get("dataset")
        if trained_on == datalist.name:
            what = f"another version of this data set ({datalist.name!r}): its datalist.json was another"
        else:
            what = f"another data set ({trained_on!r}) than this one ({datalist.name!r})"
        logger.warning(
            "The classifier was trained with %s. Make sure that none of these patients was among its training images.",
            what if trained_on else "another data set, or another version of this one",
        )


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
