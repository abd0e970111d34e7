"""One number for a classifier: what the best epoch, or the best penalty, is chosen by, and what is reported first."""

from __future__ import annotations

from typing import Any

import numpy as np

from monai_mocoi.metrics.confusion import macro_f1
from monai_mocoi.metrics.inputs import UNKNOWN
from monai_mocoi.metrics.known import confusion_over_known, over_known
from monai_mocoi.metrics.ranking import average_precision, roc_auc
from monai_mocoi.metrics.thresholds import decide, decide_by_highest, one_hot, youden_threshold

SELECTION_METRICS = ("macro_auc", "macro_average_precision", "macro_f1")
"""Names of the metrics, each 0..1 and higher is better."""
SELECTED_OVER = "every class with a positive and a negative image"
"""The classes that each is a mean over. (An evaluation leaves out those of few images.)"""


def selection_metric(name: str, kind: str, labels: Any, probabilities: Any) -> float:
    """Compute a metric by name, over the classes for which it is defined.

    Args:
        name: one of ``SELECTION_METRICS``. "macro_auc" and "macro_average_precision": the mean over findings; of two
            softmax classes the second's alone (their AUCs are equal), of more the mean of each against the rest.
            "macro_f1": of softmax classes by the highest probability; of findings at the Youden threshold of these
            very images, which is too favourable for anything but a choice.
        kind: "multilabel" or "softmax".
        labels: ``(n, findings)`` of 0, 1 and ``UNKNOWN``, or ``(n,)`` class numbers. Each finding is measured over the
            images in which it is known.
        probabilities: ``(n, classes)`` in 0..1.

    Returns:
        the metric; NaN if no class has both a positive and a negative image.

    Raises:
        ValueError: an unknown name or kind, or what the metric itself refuses.
    """
    if name not in SELECTION_METRICS:
        raise ValueError(f"metric is {name!r}; choose one of {', '.join(SELECTION_METRICS)}.")
    if kind not in ("multilabel", "softmax"):
        raise ValueError(f"the kind of labels is {kind!r}; choose multilabel or softmax.")
    probabilities = np.asarray(probabilities, dtype=np.float64)
    labels = np.asarray(labels)
    positive: Any = one_hot(labels, probabilities.shape[1]) if kind == "softmax" else labels == 1
    negative = ~positive if kind == "softmax" else labels == 0
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
    if kind == "softmax":
        return float(macro_f1(positive[:, both], decide_by_highest(probabilities)[:, both]))
    called = decide(scores, over_known(youden_threshold, truth, scores))
    return float(confusion_over_known(truth, called).f1.mean())


def ranked_columns(kind: str, classes: int) -> np.ndarray:
    """Columns whose ranking is reported: every finding or class; of two softmax classes the second, "positive", one.

    Args:
        kind: "multilabel" or "softmax".
        classes: number of columns.
    """
    return np.array([1]) if kind == "softmax" and classes == 2 else np.arange(classes)
