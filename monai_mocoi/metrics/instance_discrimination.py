"""Instance discrimination: top-k accuracy and normalised InfoNCE, by which a contrastive run is monitored."""

import torch


def _count(negative: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is None:
        return torch.full(negative.shape[:1], negative.shape[1], device=negative.device)
    return mask.sum(dim=1)


def top_k_accuracy(
    positive: torch.Tensor, negative: torch.Tensor, mask: torch.Tensor | None = None, k: int = 1
) -> torch.Tensor:
    """Share of queries whose own key is among the k most similar.

    A negative that is exactly as similar as the positive counts as more similar, so that an encoder which ignores its
    input scores 0, not 1.

    ``positive``: ``(N,)`` similarity with the own key. ``negative``: ``(N, K)`` similarity with the negatives.
    ``mask``: ``(N, K)`` bool, True where a negative counts; None: all. ``k``: 1 for top-1, 5 for top-5. Returns a
    scalar 0..1 over the rows that have a negative; NaN where no row has one.
    """
    ahead = ~(negative < positive.unsqueeze(1))  # so that NaN counts as a miss
    if mask is not None:
        ahead = ahead & mask
    hit = (ahead.sum(dim=1) < k).to(positive.dtype)
    told = _count(negative, mask) > 0
    return torch.where(told, hit, 0).sum() / told.sum()


def normalized_info_nce(losses: torch.Tensor, negative: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """InfoNCE divided by ln(1 + valid negatives), the loss of random guessing: 1 is guessing, for any queue.

    ``losses``: ``(N,)`` InfoNCE of each row. ``negative``: ``(N, K)`` the negatives' similarities; only the shape
    matters. ``mask``: ``(N, K)`` bool, True where a negative counts; None: all. Returns a scalar: the mean over the
    rows that have a negative; NaN where no row has one.
    """
    count = _count(negative, mask)
    told = count > 0
    ratio = losses / torch.log1p(count.to(losses.dtype))
    return torch.where(told, ratio, 0).sum() / told.sum()
