"""Signs of collapse: standard deviation of L2-normalised features, and their effective rank."""

import torch


def std_of_l2_normalized(features: torch.Tensor) -> torch.Tensor:
    """``sqrt(D)`` times the mean over the dimensions of the standard deviation over rows normalised to length 1.

    ``features``: ``(N, D)``, N at least 2 (of one row it is 0). Returns a scalar: 0 where all rows point the same way
    (collapse), near 1 where they are spread over the whole sphere. Features behind a ReLU are non-negative and stay
    well below 1.
    """
    rows = torch.nn.functional.normalize(features, dim=1)
    return rows.std(dim=0, correction=0).mean() * features.shape[1] ** 0.5


def effective_rank(features: torch.Tensor) -> torch.Tensor:
    """Exponential of the entropy of the singular values of ``(N, D)`` features, each row normalised to length 1.

    With p_k = s_k / sum(s): ``exp(-sum p_k ln p_k)`` (Roy and Vetterli 2007; RankMe, Garrido et al. 2023), in float64.
    The features are *not* centred: the rank of constant features is 1 and stays close to 1 under small noise, whereas
    the noise left by centring would look like features of full rank.

    Returns a float64 scalar 1..min(N, D), which grows with the number of images; 0 where all features are zero or there
    are none; NaN where one is not finite.
    """
    rows = torch.nn.functional.normalize(features.double(), dim=1, eps=torch.finfo(torch.float64).tiny)
    if not bool(rows.isfinite().all()):
        return rows.new_tensor(torch.nan)
    values = torch.linalg.svdvals(rows)
    total = values.sum()
    return torch.special.entr(values / total).sum().exp() if total > 0 else total
