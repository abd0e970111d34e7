"""Unknown labels: each class is measured over the images in which it is known."""

from collections.abc import Callable
from typing import Any

import numpy as np

from monai_mocoi.metrics.inputs import check_labels

UNKNOWN = -1
"""The label of an image of which it is not known whether it has the finding."""


def is_known(labels: Any) -> np.ndarray:
    """Which labels are known: bool of the same shape, false for ``UNKNOWN``."""
    return np.asarray(labels) != UNKNOWN


def check_known_labels(labels: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return which labels are 1 and which are 0, as two bool arrays; an unknown label is neither.

    ValueError: another shape; or a value other than 0, 1 and ``UNKNOWN``, with row and column (counted from 0).
    """
    labels = np.asarray(labels)
    known = is_known(labels)
    positive = check_labels(np.where(known, labels, 0), shape)
    return positive, known & ~positive


def over_known(metric: Callable[[Any, Any], Any], labels: Any, values: Any) -> np.ndarray:
    """A metric of each class over its known images; of all images together where all labels are known.

    ``metric``: takes ``(m,)`` or ``(m, classes)`` labels of 0 and 1, and values of the same shape; returns one number a
    class (:func:`~monai_mocoi.metrics.roc_auc`), or several arrays of that shape. ``labels``: ``(n, classes)``, 0, 1 or
    ``UNKNOWN``. ``values``: the same shape: scores, or decisions. Returns ``(classes,)``, or ``(arrays, classes)``.
    """
    labels, values, known = np.asarray(labels), np.asarray(values), is_known(labels)
    if known.all():
        return np.asarray(metric(labels, values))
    return np.stack([np.asarray(metric(labels[own, i], values[own, i])) for i, own in enumerate(known.T)], axis=-1)
