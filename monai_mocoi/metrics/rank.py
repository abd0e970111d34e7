"""In how many directions the features of different images point: 1 for an encoder that ignores its input."""

from __future__ import annotations

import torch


def effective_rank(features: torch.Tensor) -> torch.Tensor:
    """Exponential of the entropy of the features' singular values, after each row is normalised to length 1.

    With singular values s_1 to s_K, K = min(N, D), and p_k = s_k / sum(s): ``exp(-sum p_k ln p_k)`` (Roy and Vetterli
    2007; RankMe, Garrido et al. 2023). The features are *not* centred: the rank of constant features is 1 and stays
    close to 1 under noise that is small beside the constant, whereas the noise that centring leaves over would look
    like features of full rank. Rows of length 1 let each image count alike, whatever the scale of its features.

    Args:
        features: ``(N, D)`` of any floating type, one row an image. Computed in float64.

    Returns:
        a float64 scalar 1..min(N, D), which grows with the number of images; 0 where all features are zero or there
        are none; NaN where one is not finite.
    """
    rows = torch.nn.functional.normalize(features.double(), dim=1, eps=torch.finfo(torch.float64).tiny)
    if not bool(rows.isfinite().all()):
        return rows.new_tensor(torch.nan)
    values = torch.linalg.svdvals(rows)
    total = values.sum()
    return torch.special.entr(values / total).sum().exp() if total > 0 else total
