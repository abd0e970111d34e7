"""How far apart the features of different images lie: the first thing to look at when a contrastive run collapses."""

from __future__ import annotations

import torch


def feature_spread(features: torch.Tensor) -> torch.Tensor:
    """Scale-free spread of features over the batch.

    Each row is normalised to length 1; the spread is ``sqrt(D)`` times the mean over the dimensions of the standard
    deviation over the rows.

    Args:
        features: ``(N, D)``, N at least 2 (one row has spread 0).

    Returns:
        a scalar: 0 where all rows point the same way (collapse), near 1 where they are spread over the whole sphere.
        Features behind a ReLU are non-negative and stay well below 1.
    """
    rows = torch.nn.functional.normalize(features, dim=1)
    return rows.std(dim=0, correction=0).mean() * features.shape[1] ** 0.5
