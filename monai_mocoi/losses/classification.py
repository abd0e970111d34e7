"""The loss of a classifier: torch's own, chosen by the kind of labels."""

from __future__ import annotations

import numpy as np
import torch
import torch.distributed as dist
from scipy.special import expit, softmax
from torch import nn

from monai_mocoi.losses.global_batch import global_sum, several_processes

LABEL_KINDS = ("multilabel", "softmax")


class KnownValuesLoss(nn.Module):
    """Binary cross-entropy of findings of which some are not known, averaged over those that are.

    The mean is over all known values of the batch, whatever their image and finding: a finding that is known of few
    images counts little, as it says little. With several processes it is over the known values of all of them: each
    process returns the sum over its own, times the number of processes, divided by the number of all, so that
    DistributedDataParallel's average of the gradients, and the mean of the losses, are those of one process with the
    whole batch. Without any known value it is 0.

    Args:
        weights: ``(classes,)`` positive, of a finding's positives against its negatives; None: all 1.
    """

    def __init__(self, weights: torch.Tensor | None = None) -> None:
        super().__init__()
        self.each = nn.BCEWithLogitsLoss(pos_weight=weights, reduction="none")

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Average.

        Args:
            logits: ``(N, classes)``.
            labels: the same shape: 1, 0, or below 0 where it is not known.
        """
        known = labels >= 0
        # Times 0, not left out: a logit that is not finite must show, whatever is known of its image.
        values = self.each(logits, torch.where(known, labels, 0)) * known
        count = global_sum(known.sum().to(values.dtype))
        processes = dist.get_world_size() if several_processes() else 1
        return values.sum() * processes / count.clamp(min=1)


def classification_loss(kind: str, weights: torch.Tensor | None = None, some_unknown: bool = False) -> nn.Module:
    """Choose the loss of logits ``(N, classes)``, averaged over images (and findings).

    Args:
        kind: "multilabel": binary cross-entropy of each finding, labels ``(N, classes)`` of 0 and 1. "softmax":
            cross-entropy, labels ``(N,)`` class numbers.
        weights: ``(classes,)`` positive; of a finding's positives against its negatives, or of a class. None: all 1.
        some_unknown: findings of some images are not known: their labels are below 0.

    Returns:
        ``torch.nn.BCEWithLogitsLoss`` or ``torch.nn.CrossEntropyLoss``; with ``some_unknown`` :class:`KnownValuesLoss`.

    Raises:
        ValueError: an unknown kind.

    Examples:
        >>> import torch
        >>> from monai_mocoi.losses import classification_loss
        >>> loss = classification_loss("multilabel")
        >>> round(loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])).item(), 4)
        0.6931
    """
    if kind == "multilabel":
        return KnownValuesLoss(weights) if some_unknown else nn.BCEWithLogitsLoss(pos_weight=weights)
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
