"""Mean squared difference of the two views' stage representations (Kaku, Upadhya, Razavian, NeurIPS 2021)."""

import torch
from torch import nn

from monai_mocoi.losses.channel_moments import channel_moments
from monai_mocoi.losses.global_batch import EPS, global_sum


class StageMSELoss(nn.Module):
    """Mean squared error between the query's and the key's representation of one stage.

    Args:
        normalize: standardise every channel over the global batch and all positions, in both views, before they are
            compared. Without it (the paper) the loss can be lowered by shrinking the features (fault A12); with it the
            value runs from 0 (equal views) over 2 (unrelated views) to 4 (opposite views).

    Examples:
        >>> import torch
        >>> from monai_mocoi.losses import StageMSELoss
        >>> query = torch.tensor([[0.0], [2.0]])
        >>> float(StageMSELoss()(query, query + 3))
        9.0
        >>> float(StageMSELoss(normalize=True)(query, query + 3))
        0.0
    """

    def __init__(self, normalize: bool = False) -> None:
        super().__init__()
        self.normalize = normalize

    def forward(self, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the loss of one stage, a scalar, from two ``(N, C, H, W)`` pooled maps or ``(N, C)`` vectors.

        Half precision is computed in single precision, and the gradient is in the precision of the maps.

        ``mask``: bool ``(N, H, W)``: the mean, and the statistics, are of the positions where it is True in the batches
        of all processes; 0 without any. None: of all.
        """
        if query.shape != key.shape:
            raise ValueError(
                f"the two views' stage representations differ in shape: {tuple(query.shape)} and {tuple(key.shape)}."
            )
        if not self.normalize and mask is not None:
            wide = torch.promote_types(query.dtype, torch.float32)
            squares = (query.to(wide) - key.to(wide)).square().masked_fill(~mask.unsqueeze(1), 0)
            count = global_sum(mask.sum().to(wide)).clamp(min=1) * query.shape[1]
            return global_sum(squares.sum()) / count
        if not self.normalize:
            # Not mse_loss, and not mean(): their gradients lose the maps' order in memory, which the backward pass of
            # BatchNorm pays dearly.
            wide = torch.promote_types(query.dtype, torch.float32)
            return (query.to(wide) - key.to(wide)).square().sum() / query.numel()
        # The mean of (a - b)^2 for standardised a and b, without making them.
        moments = channel_moments(query, key, mask)
        of_query, of_key = (torch.rsqrt(variance + EPS) for variance in (moments.query, moments.key))
        squares = moments.query * of_query * of_query + moments.key * of_key * of_key
        return (squares - 2 * moments.both * of_query * of_key).mean()
