"""Selection metric: one number for a classifier, by which the best epoch or the best penalty is chosen."""

from typing import Any

import numpy as np

from monai_mocoi.metrics.auc import roc_auc
from monai_mocoi.metrics.confusion import confusion_over_known, macro_f1
from monai_mocoi.metrics.decisions import check_label_kind, decide, decide_by_highest, one_hot, youden_threshold
from monai_mocoi.metrics.inputs import UNKNOWN, over_known
from monai_mocoi.metrics.precision_recall import average_precision

SELECTION_METRICS = ("macro_auc", "macro_average_precision", "macro_f1")
"""Names of the metrics, each 0..1 and higher is better."""
SELECTED_OVER = "every class with a positive and a negative image"
"""The classes that each is a mean over. (An evaluation leaves out those of few images.)"""


def selection_metric(name: str, kind: str, labels: Any, probabilities: Any) -> float:
    """Compute a metric by name, over the classes for which it is defined.

    ``name``: one of ``SELECTION_METRICS``. "macro_auc", "macro_average_precision": the mean over findings; of two
    classes of one softmax the second's alone, of more the mean of each against the rest. "macro_f1": multiclass by the
    highest probability; of findings at the Youden threshold of these images, too optimistic for a report. ``kind``:
    "multilabel" or "multiclass". ``labels``: ``(n, findings)`` of 0, 1 and ``UNKNOWN``, or ``(n,)`` class numbers.
    ``probabilities``: ``(n, classes)`` in 0..1. NaN if no class has both a positive and a negative image.
    """
    if name not in SELECTION_METRICS:
        raise ValueError(f"metric is {name!r}; choose one of {', '.join(SELECTION_METRICS)}.")
    multilabel = check_label_kind(kind) == "multilabel"
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    positive: Any = labels == 1 if multilabel else one_hot(labels, probabilities.shape[1])
    negative = labels == 0 if multilabel else ~positive
    columns = ranked_columns(kind, probabilities.shape[1])
    both = positive.any(axis=0) & negative.any(axis=0)
    columns = columns[both[columns]]
    if len(columns) == 0:
        return float("nan")
    truth, scores = np.where(positive | negative, positive, UNKNOWN)[:, columns], probabilities[:, columns]
    if name == "macro_auc":
        return float(over_known(roc_auc, truth, scores).mean())
    if name == "macro_average_precision":
        return float(over_known(average_precision, truth, scores).mean())
    if not multilabel:
        return float(macro_f1(positive[:, both], decide_by_highest(probabilities)[:, both]))
    called = decide(scores, over_known(youden_threshold, truth, scores))
    return float(confusion_over_known(truth, called).f1.mean())


def ranked_columns(kind: str, classes: int) -> np.ndarray:
    """Columns of ``classes`` whose ranking is reported: all; of two classes of one softmax the second alone."""
    return np.array([1]) if check_label_kind(kind) == "multiclass" and classes == 2 else np.arange(classes)
