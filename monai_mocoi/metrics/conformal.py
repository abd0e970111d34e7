"""Conformal p-values: how unusual a score is among reference scores, whatever their distribution."""

import math

import numpy as np
from numpy.typing import NDArray


def unusual_percentile(scores: NDArray[np.floating], reference: NDArray[np.floating]) -> NDArray[np.float64]:
    """100 x (1 - p), where p is the conformal p-value of each score: (1 + reference scores as high) / (1 + all).

    A new image that is drawn like the reference reaches a percentile of at least ``100 - a`` with a probability of at
    most ``a`` %, if all are exchangeable (Bates et al., Ann. Stat. 2023). With several images a patient, or reference
    images that were used to choose the epoch, this holds only approximately.

    Args:
        scores, reference: (n,) and (m,), m >= 1; higher is more unusual.

    Returns:
        (n,), from 0 to ``100 m / (m + 1)``.
    """
    lower = np.searchsorted(np.sort(reference), scores, side="left")
    return 100 * lower / (len(reference) + 1)


def references_needed(limit: float) -> int:
    """Fewest reference scores with which a percentile can reach a limit; 0: no number is enough (a limit of 100)."""
    return 0 if limit >= 100 else max(1, math.ceil(limit / (100 - limit) - 1e-9))
