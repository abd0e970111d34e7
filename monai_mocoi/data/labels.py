"""The labels of a datalist's items as arrays; what is not known of an image is neither 0 nor 1."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.deprecated import current_label_kind
from monai_mocoi.errors import DatasetError, SettingsError
from monai_mocoi.metrics.inputs import UNKNOWN, is_known

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item", bound=Mapping[str, Any])
_KINDS = {"multilabel": "any number of findings an image", "multiclass": "one class an image"}


def label_kind(datalist: Datalist) -> str:
    """Return "multilabel" (each item has a list of 0 and 1 a finding) or "multiclass" (the number of its one class).

    Raises DatasetError: no training item has a label.
    """
    labels = label_array(labelled_items(datalist.training) or datalist.training)
    return "multilabel" if labels.ndim == 2 else "multiclass"


def labelled_items(items: Sequence[_Item]) -> list[_Item]:
    """The items that have a label, in their order."""
    return [item for item in items if "label" in item]


def labelled_part(datalist: Datalist) -> Datalist:
    """The datalist without images that have no label, of which the log tells, and without ``pretraining``."""
    kept: dict[str, Any] = {split: labelled_items(datalist.splits()[split]) for split in SPLITS}
    for split, items in kept.items():
        tell_of_unknown(split, len(datalist.splits()[split]) - len(items), [], ())
    return replace(datalist, pretraining=[], **kept)


def left_out_in_words(split: str, images: int) -> str:
    """A sentence on images that have no label; empty where there are none."""
    return f"{split}: {images} image(s) without a label are left out." if images else ""


def tell_of_unknown(split: str, without: int, items: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Log how many images are left out ``without`` a label, and of the items what is not known, by finding."""
    if without:
        logger.info("%s", left_out_in_words(split, without))
    if counts := unknown_counts(items, names):
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        what = "%s: not known of the %d labelled images, and left out of loss and metrics: %s."
        logger.info(what, split, len(items), told)


def check_labels_meant(datalist: Datalist, labels: Sequence[str] | None, kind: str | None, demo: bool = False) -> None:
    """Refuse a data set that has other labels than a bundle is made for, such as an adapted one.

    Args:
        datalist: of the run.
        labels, kind: the bundle's labels, in their order, and their kind; None: any.
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
            "data set that it was made for, adapt a bundle to this one, or change labels."
        )
    kind = current_label_kind(kind)
    if kind is not None and kind != found_kind:
        raise DatasetError(
            f"the bundle is made for {_KINDS.get(kind, repr(kind))}, but the data set has {_KINDS[found_kind]}: give "
            "the data set that it was made for, adapt a bundle to this one, or change label_kind."
        )


def check_class_weighting(kind: str, class_weighting: bool, solver: str) -> None:
    """Refuse class weights where L-BFGS fits a classifier of its own to each finding, with a SettingsError."""
    if class_weighting and kind == "multilabel" and solver == "lbfgs":
        raise SettingsError(
            "class_weighting has no effect on linear evaluation of findings, each of which has a classifier of its "
            "own: leave it out, or set solver to gradient.",
            "class_weighting",
            class_weighting,
        )


def label_array(items: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
    """Return the labels of items, all with one and of one kind.

    Returns (images, findings) of 0, 1 and :data:`~monai_mocoi.metrics.UNKNOWN` for multi-label items, (images,) class
    numbers otherwise. Raises DatasetError: no items, or one without a label.
    """
    without = sum("label" not in item for item in items)
    if not items or without:
        what = "no items" if not items else f"{without} of {len(items)} items have no label"
        raise DatasetError(
            f"{what}: a classifier needs labels. Prepare the data set with labels, or choose one that has them; "
            "pretraining needs none."
        )
    return label_values([item["label"] for item in items])


def label_values(labels: Sequence[Any]) -> NDArray[np.int64]:
    """Labels as a datalist has them, ``null`` being None, as numbers: it becomes ``UNKNOWN``."""
    try:
        return np.array(labels, dtype=np.int64)
    except TypeError:  # a None among them
        return np.array([[UNKNOWN if value is None else value for value in label] for label in labels], dtype=np.int64)


def some_unknown(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether of an item that has a label some finding is not known."""
    return any(isinstance(label := item.get("label"), list) and None in label for item in items)


def unknown_counts(items: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, int]:
    """Of how many items with a label each finding is not known; those that are known of all are left out."""
    if not some_unknown(items):
        return {}
    counts = (~is_known(label_values([item["label"] for item in items if "label" in item]))).sum(0).tolist()
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def class_sides(labels: NDArray[np.int64], classes: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which image has which class, and which has it not: two of (images, classes); see :func:`class_truth`."""
    truth = class_truth(labels, classes)
    return truth == 1, truth == 0


def class_truth(labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return (images, classes) of 1, 0, or :data:`~monai_mocoi.metrics.UNKNOWN`, from :func:`label_array`'s labels.

    Raises DatasetError: the labels do not fit the number of classes.
    """
    if labels.ndim == 2:
        if labels.shape[1] != classes:
            raise DatasetError(f"the labels have {labels.shape[1]} findings, but {classes} are named.")
        return labels
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise DatasetError(f"the labels go from {labels.min()} to {labels.max()}, but {classes} classes are named.")
    return (labels[:, None] == np.arange(classes)).astype(np.int64)
