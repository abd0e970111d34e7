"""Classification losses: cross-entropy or binary cross-entropy, by the kind of labels."""

import torch
import torch.distributed as dist
from torch import nn

from monai_mocoi.deprecated import current_label_kind
from monai_mocoi.losses.global_batch import global_sum, several_processes


class KnownValuesLoss(nn.Module):
    """Binary cross-entropy of findings of which some are not known, averaged over those that are.

    The mean is over all known values of the batch, so that a finding that is known for few images has little weight.
    Each of several processes returns the sum over its own, times the number of processes, divided by the number of all,
    so that DistributedDataParallel's average is that of one process with the whole batch. 0 without a known value.

    ``weights``: ``(classes,)`` positive, of a finding's positives against its negatives; None: all 1.
    """

    def __init__(self, weights: torch.Tensor | None = None) -> None:
        super().__init__()
        self.each = nn.BCEWithLogitsLoss(pos_weight=weights, reduction="none")

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Average. ``logits``: ``(N, classes)``. ``labels``: the same shape: 1, 0, or below 0 where it is not known."""
        known = labels >= 0
        # Times 0, not left out: a logit that is not finite must show, whatever is known of its image.
        values = self.each(logits, torch.where(known, labels, 0)) * known
        count = global_sum(known.sum().to(values.dtype))
        processes = dist.get_world_size() if several_processes() else 1
        return values.sum() * processes / count.clamp(min=1)


class WeightedClassLoss(nn.Module):
    """Cross-entropy of classes with weights, as ``nn.CrossEntropyLoss``: a mean by the weights of the images' classes.

    Each of several processes returns its weighted sum, times the number of processes, divided by the weights of all
    images, so that DistributedDataParallel's average is that of one process with the whole batch.

    ``weights``: ``(classes,)`` positive.
    """

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__()
        self.weights: torch.Tensor
        self.register_buffer("weights", weights)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Average. ``logits``: ``(N, classes)``. ``labels``: ``(N,)`` class numbers."""
        whole = global_sum(self.weights[labels].sum())
        processes = dist.get_world_size() if several_processes() else 1
        return nn.functional.cross_entropy(logits, labels, self.weights, reduction="sum") * processes / whole


def classification_loss(kind: str, weights: torch.Tensor | None = None, some_unknown: bool = False) -> nn.Module:
    """Choose the loss of logits ``(N, classes)``, averaged over images (and findings).

    Args:
        kind: "multilabel": binary cross-entropy of each finding, labels ``(N, classes)`` of 0 and 1. "multiclass":
            cross-entropy, labels ``(N,)`` class numbers.
        weights: ``(classes,)`` positive; of a finding's positives against its negatives, or of a class. None: all 1.
        some_unknown: findings of some images are not known, and their labels below 0: see :class:`KnownValuesLoss`.

    Examples:
        >>> import torch
        >>> from monai_mocoi.losses import classification_loss
        >>> loss = classification_loss("multilabel")
        >>> round(loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])).item(), 4)
        0.6931
    """
    if kind == "multilabel":
        return KnownValuesLoss(weights) if some_unknown else nn.BCEWithLogitsLoss(pos_weight=weights)
    if current_label_kind(kind) == "multiclass":
        return nn.CrossEntropyLoss() if weights is None else WeightedClassLoss(weights)
    raise ValueError(f"the kind of labels is {kind!r}; choose multilabel or multiclass.")
