"""The loss of a classifier: torch's own, chosen by the kind of labels."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit, softmax
from torch import nn

LABEL_KINDS = ("multilabel", "softmax")


def classification_loss(kind: str, weights: torch.Tensor | None = None) -> nn.Module:
    """Choose the loss of logits ``(N, classes)``, averaged over images (and findings).

    Args:
        kind: "multilabel": binary cross-entropy of each finding, labels ``(N, classes)`` of 0 and 1. "softmax":
            cross-entropy, labels ``(N,)`` class numbers.
        weights: ``(classes,)`` positive; of a finding's positives against its negatives, or of a class. None: all 1.

    Returns:
        ``torch.nn.BCEWithLogitsLoss`` or ``torch.nn.CrossEntropyLoss``.

    Raises:
        ValueError: an unknown kind.
    """
    if kind == "multilabel":
        return nn.BCEWithLogitsLoss(pos_weight=weights)
    if kind == "softmax":
        return nn.CrossEntropyLoss(weight=weights)
    raise ValueError(f"the kind of labels is {kind!r}; choose one of {', '.join(LABEL_KINDS)}.")


def class_probabilities(logits: torch.Tensor, kind: str) -> torch.Tensor:
    """Turn logits into probabilities.

    Args:
        logits: ``(N, classes)``; computed in float64, so that a rounding does not make ties.
        kind: "multilabel" (sigmoids) or "softmax".

    Returns:
        ``(N, classes)`` float64 in 0..1, on the CPU, without gradient.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in LABEL_KINDS:
        raise ValueError(f"the kind of labels is {kind!r}; choose one of {', '.join(LABEL_KINDS)}.")
    # Not torch's sigmoid: it rounds by an element's place in the array, and so by the batch that an image came in.
    values = logits.detach().double().cpu().numpy()
    with np.errstate(invalid="ignore"):  # an infinite logit becomes NaN, which is refused with the image's name
        return torch.from_numpy(expit(values) if kind == "multilabel" else softmax(values, axis=1))
