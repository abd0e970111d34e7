"""InfoNCE: pick the positive key among the negatives (van den Oord et al. 2018, https://arxiv.org/abs/1807.03748)."""

import torch
from torch import nn


class InfoNCELoss(nn.Module):
    r"""InfoNCE on similarities, with a mask of the negatives that count.

    .. math:: -\log \frac{e^{p_i / T}}{e^{p_i / T} + \sum_{j \in M_i} e^{n_{ij} / T}}

    Args:
        temperature: T, above 0. The paper uses 0.07, our recommended recipe 0.2.
        reduction: "mean" over the rows, or "none" for one value a row.

    Examples:
        >>> import torch
        >>> from monai_mocoi.losses import InfoNCELoss
        >>> query = torch.eye(2)  # unit vectors of two images
        >>> queue = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])  # and of three negatives
        >>> loss = InfoNCELoss(temperature=0.2, reduction="none")
        >>> [round(value, 3) for value in loss((query * query).sum(1), query @ queue.T).tolist()]
        [0.697, 0.7]
    """

    def __init__(self, temperature: float = 0.07, reduction: str = "mean") -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}, but must be above 0 (0.07 in the paper, 0.2 recommended).")
        if reduction not in ("mean", "none"):
            raise ValueError(f"reduction is {reduction!r}; choose 'mean' or 'none'.")
        self.temperature = temperature
        self.reduction = reduction

    def forward(self, positive: torch.Tensor, negative: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the loss, a scalar, or ``(N,)`` with reduction "none"; 0 for a row without a negative that counts.

        Args:
            positive: ``(N,)`` similarity of each query with its own key, -1..1 for unit vectors.
            negative: ``(N, K)`` similarity of each query with each negative; K may be 0.
            mask: ``(N, K)`` bool, True where the negative counts; None: all count.
        """
        if negative.ndim != 2 or positive.shape != negative.shape[:1]:
            raise ValueError(
                f"positive must be (N,) and negative (N, K), but their shapes are {tuple(positive.shape)} "
                f"and {tuple(negative.shape)}."
            )
        if mask is not None:
            if mask.shape != negative.shape:
                raise ValueError(f"mask has shape {tuple(mask.shape)}, but negative has {tuple(negative.shape)}.")
            negative = negative.masked_fill(~mask, float("-inf"))
        logits = torch.cat([positive.unsqueeze(1), negative], dim=1) / self.temperature
        target = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
        return nn.functional.cross_entropy(logits, target, reduction=self.reduction)
