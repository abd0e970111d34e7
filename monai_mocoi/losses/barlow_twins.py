"""Barlow Twins loss (Zbontar et al. 2021, https://arxiv.org/abs/2103.03230) on projected stage features."""

import torch
from torch import nn

from monai_mocoi.losses.global_batch import global_sum, several_processes, standardize


class BarlowTwinsLoss(nn.Module):
    r"""Pull the cross-correlation matrix C of the two views' features towards the identity.

    .. math:: \Big( \sum_i (C_{ii} - 1)^2 + \lambda \sum_{i \ne j} C_{ij}^2 \Big) / \text{divisor}

    C is computed over the global batch (all processes) from features standardised without affine part.

    Args:
        off_diagonal_weight: lambda. The paper of the intermediate losses has 1, which at its batches of 8 to 32 lets
            the noise of the off-diagonal exceed the invariance term (fault A11).
        divisor: divides the sum; None: the feature dimension, so that the value does not grow with it. The paper: 32.

    MONAI's ``BarlowTwinsLoss`` mixes an unbiased standard deviation with a division by N, so that it is not 0 at its
    optimum, and it does not gather over processes.

    Examples:
        >>> import torch
        >>> from monai_mocoi.losses import BarlowTwinsLoss
        >>> features = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> abs(round(float(BarlowTwinsLoss()(features, features)), 3))  # equal views, uncorrelated features
        0.0
        >>> round(float(BarlowTwinsLoss()(features, -features)), 3)
        4.0
    """

    def __init__(self, off_diagonal_weight: float = 5e-3, divisor: float | None = None) -> None:
        super().__init__()
        if divisor is not None and not divisor > 0:
            raise ValueError(f"divisor is {divisor}, but must be above 0, or None for the feature dimension.")
        self.off_diagonal_weight = off_diagonal_weight
        self.divisor = divisor

    def forward(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Compute the loss of one stage, a scalar, from projected features ``(N, D)`` of both views."""
        if query.ndim != 2 or query.shape != key.shape:
            raise ValueError(
                f"Barlow Twins needs two (N, D) features of one shape, but got {tuple(query.shape)} "
                f"and {tuple(key.shape)}."
            )
        dimension = query.shape[1]
        samples = global_sum(torch.full((), float(len(query)), dtype=query.dtype, device=query.device))
        query, key = standardize(query), standardize(key)
        diagonal = global_sum((query * key).sum(0)) / samples
        on = (diagonal - 1).square().sum()
        off = self._squares(query, key) / samples.square() - diagonal.square().sum()
        return (on + self.off_diagonal_weight * off) / (self.divisor or dimension)

    def _squares(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Sum of the squared entries of ``query.T @ key``."""
        if several_processes() or len(query) >= query.shape[1]:
            return global_sum(query.T @ key).square().sum()
        # tr(A^T A) for A = Q^T K is tr(Q Q^T K K^T): with few samples two small matrices instead of a large one.
        return ((query @ query.T) * (key @ key.T)).sum()
