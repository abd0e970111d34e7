"""The labels of a datalist's items as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.errors import DatasetError

_KINDS = {"multilabel": "any number of findings an image", "softmax": "one class an image"}


def label_kind(datalist: Datalist) -> str:
    """Say what a datalist's labels are, which decides the classifier's last step and its loss.

    Returns:
        "multilabel": each item has a list of 0 and 1, one a finding. "softmax": each has the number of its one class.

    Raises:
        DatasetError: the training items have no labels.
    """
    return "multilabel" if label_array(datalist.training).ndim == 2 else "softmax"


def check_labels_meant(datalist: Datalist, labels: Sequence[str] | None, kind: str | None, demo: bool = False) -> None:
    """Refuse a data set that has other labels than a bundle is made for, such as one of ``mocoi adapt``.

    Args:
        datalist: of the run.
        labels: the bundle's, in their order; None: those of any data set.
        kind: "multilabel" or "softmax", see :func:`label_kind`; None: either.
        demo: the data are phantoms, whose labels are never meant.

    Raises:
        DatasetError: names what differs; or the training items have no labels.
    """
    if demo:
        return
    found, found_kind = list(datalist.labels), label_kind(datalist)
    if labels is not None and list(labels) != found:
        raise DatasetError(
            f"the bundle is made for the labels {', '.join(labels)}, but the data set has {', '.join(found)}: give the "
            "data set that it was made for, adapt a bundle to this one (mocoi adapt), or change labels in "
            "finetune.json."
        )
    if kind is not None and kind != found_kind:
        raise DatasetError(
            f"the bundle is made for {_KINDS.get(kind, repr(kind))}, but the data set has {_KINDS[found_kind]}: give "
            "the data set that it was made for, adapt a bundle to this one (mocoi adapt), or change label_kind in "
            "finetune.json."
        )


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
