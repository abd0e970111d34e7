"""Evaluable classes: chosen by counts alone, before any score is looked at or any image resampled."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from monai_mocoi.metrics.inputs import check_known_labels, patient_index


@dataclass(frozen=True)
class EvaluableClasses:
    """Columns that are evaluated and those that are not.

    ``evaluable``, ``left_out``: columns with enough positives and negatives, ascending; the others. ``positives``,
    ``negatives``, ``unknown``: ``(classes,)`` images that are known to have it, or to lack it; the others.
    """

    evaluable: np.ndarray
    left_out: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    unknown: np.ndarray


def evaluable_classes(
    labels: Any, min_positives: int = 25, min_negatives: int = 25, patients: Any = None
) -> EvaluableClasses:
    """Choose the classes with enough positive and negative images.

    ``labels``: ``(n, classes)``, 0, 1 or ``UNKNOWN`` (:func:`~monai_mocoi.metrics.one_hot` of class numbers).
    ``min_positives``, ``min_negatives``: fewest positive and negative images of an evaluable class. ``patients``:
    ``(n,)`` patient ids: positives must come from at least two patients, and negatives too; None: not checked.
    """
    shape = np.shape(labels)
    if len(shape) != 2:
        raise ValueError(f"labels have shape {shape}; expected (images, classes)")
    positive, negative = check_known_labels(labels, shape)
    positives, negatives = positive.sum(axis=0), negative.sum(axis=0)
    enough = (positives >= min_positives) & (negatives >= min_negatives)
    if patients is not None:
        index, _ = patient_index(patients, shape[0])
        for column in np.flatnonzero(enough):
            enough[column] = min(len(np.unique(index[side[:, column]])) for side in (positive, negative)) >= 2
    unknown = shape[0] - positives - negatives
    return EvaluableClasses(np.flatnonzero(enough), np.flatnonzero(~enough), positives, negatives, unknown)
