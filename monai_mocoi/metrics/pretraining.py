"""What pretraining is monitored by: top-k accuracy, normalised InfoNCE, and signs of collapse."""

import torch


def top_k_accuracy(
    positive: torch.Tensor, negative: torch.Tensor, mask: torch.Tensor | None = None, k: int = 1
) -> torch.Tensor:
    """Share of queries whose own key is among the k most similar.

    A negative that is exactly as similar as the positive counts as more similar, so that an encoder which ignores its
    input scores 0, not 1. ``positive``, ``negative``: ``(N,)`` and ``(N, K)`` similarities with the own key and the
    negatives. ``mask``: ``(N, K)`` bool, True where a negative counts; None: all. Returns a scalar 0..1 over the rows
    that have a negative; NaN where no row has one.
    """
    ahead = ~(negative < positive.unsqueeze(1))  # so that NaN counts as a miss
    if mask is not None:
        ahead = ahead & mask
    hit = (ahead.sum(dim=1) < k).to(positive.dtype)
    told = _count(negative, mask) > 0
    return torch.where(told, hit, 0).sum() / told.sum()


def normalized_info_nce(losses: torch.Tensor, negative: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """InfoNCE divided by ln(1 + valid negatives), the loss of random guessing: 1 is guessing, for any queue.

    ``losses``: ``(N,)`` InfoNCE of each row. ``negative``, ``mask``: as for :func:`top_k_accuracy`; of the former only
    the shape matters. Returns a scalar: the mean over the rows that have a negative; NaN where no row has one.
    """
    count = _count(negative, mask)
    told = count > 0
    ratio = losses / torch.log1p(count.to(losses.dtype))
    return torch.where(told, ratio, 0).sum() / told.sum()


def _count(negative: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is None:
        return torch.full(negative.shape[:1], negative.shape[1], device=negative.device)
    return mask.sum(dim=1)


def std_of_l2_normalized(features: torch.Tensor) -> torch.Tensor:
    """``sqrt(D)`` times the mean over the dimensions of the standard deviation over rows normalised to length 1.

    ``features``: ``(N, D)``, N at least 2. Returns a scalar: 0 where all rows point the same way (collapse), near 1
    where they are spread over the whole sphere. Features behind a ReLU are non-negative and stay well below 1.
    """
    rows = torch.nn.functional.normalize(features, dim=1)
    return rows.std(dim=0, correction=0).mean() * features.shape[1] ** 0.5


def effective_rank(features: torch.Tensor) -> torch.Tensor:
    """Exponential of the entropy of the singular values of ``(N, D)`` features, each row normalised to length 1.

    With p_k = s_k / sum(s): ``exp(-sum p_k ln p_k)`` (Roy and Vetterli 2007; RankMe, Garrido et al. 2023), in float64.
    The features are *not* centred: the noise left by centring constant ones would look like features of full rank.
    Returns a scalar 1..min(N, D), which grows with the number of images; 0 where all features are zero or there are
    none; NaN where one is not finite.
    """
    rows = torch.nn.functional.normalize(features.double(), dim=1, eps=torch.finfo(torch.float64).tiny)
    if not bool(rows.isfinite().all()):
        return rows.new_tensor(torch.nan)
    values = torch.linalg.svdvals(rows)
    total = values.sum()
    return torch.special.entr(values / total).sum().exp() if total > 0 else total
