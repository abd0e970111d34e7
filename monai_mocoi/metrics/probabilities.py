"""Probabilities of classes from logits, in float64."""

from typing import Any

import numpy as np
from scipy.special import expit, softmax

from monai_mocoi.deprecated import current_label_kind

LABEL_KINDS = ("multilabel", "multiclass")
"""Any number of findings an image; or exactly one class an image."""


def check_label_kind(kind: str) -> str:
    """Return the kind of labels; "softmax", the older name of "multiclass", becomes that.

    ValueError: an unknown kind.
    """
    kind = current_label_kind(kind)
    if kind not in LABEL_KINDS:
        raise ValueError(f"the kind of labels is {kind!r}; choose one of {', '.join(LABEL_KINDS)}.")
    return kind


def class_probabilities(logits: Any, kind: str) -> np.ndarray:
    """Turn logits into probabilities.

    ``logits``: ``(N, classes)``; computed in float64, so that rounding does not make ties. ``kind``: "multilabel" (a
    sigmoid a class) or "multiclass" (one softmax). Returns ``(N, classes)`` float64 in 0..1. An infinite logit becomes
    NaN. ValueError: an unknown kind.
    """
    # Not torch's sigmoid: it rounds by an element's place in the array, and so by the batch that an image came in.
    values = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return expit(values) if check_label_kind(kind) == "multilabel" else softmax(values, axis=1)
