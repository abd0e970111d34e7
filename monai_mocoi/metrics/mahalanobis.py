"""Mahalanobis distance to a shrunk normal distribution, and its conformal p-value: how unusual an image is."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.covariance import ledoit_wolf_shrinkage


class ShrunkGaussian(NamedTuple):
    """A normal distribution in ``d`` dimensions: ``k`` directions with a variance each, all others with one variance.

    Its covariance is ``components.T @ diag(variances) @ components`` plus ``remainder`` times the projection on what is
    orthogonal to the components.
    """

    mean: NDArray[np.float64]  # (d,)
    components: NDArray[np.float64]  # (k, d), orthonormal rows
    variances: NDArray[np.float64]  # (k,), above 0, falling
    remainder: float  # variance of each other direction, above 0
    shrinkage: float  # of the covariance towards equal variances, 0..1


def fit_shrunk_gaussian(features: NDArray[np.floating], rank: int = 256) -> ShrunkGaussian:
    """Fit mean and covariance, the latter shrunk by the rule of Ledoit and Wolf (J. Multivar. Anal. 2004).

    The ``rank`` largest directions of the shrunk covariance are kept, and the variances of all others are averaged, as
    in probabilistic PCA (Tipping and Bishop 1999). Where the data have no more directions, it is scikit-learn's
    ``LedoitWolf``. ``features``: (n, d), finite; ValueError for fewer than two rows, or where all are equal.
    """
    values = np.asarray(features, dtype=np.float64)
    n, d = values.shape
    if n < 2:
        raise ValueError(f"a covariance needs 2 or more rows, but there are {n}")
    mean = values.mean(axis=0)
    centred = values - mean
    total = float((centred**2).sum()) / n
    if not total > 0:
        raise ValueError("all rows are equal: they have no covariance")
    shrinkage = float(ledoit_wolf_shrinkage(centred, assume_centered=True))
    kept = min(rank, d, n - 1)
    # Of the two products the smaller one: they have the same eigenvalues except for zeros.
    product = centred.T @ centred if d <= n else centred @ centred.T
    sizes, vectors = eigh(product / n, subset_by_index=(len(product) - kept, len(product) - 1))
    sizes, vectors = np.maximum(sizes[::-1], 0), vectors[:, ::-1]
    found = sizes > sizes[0] * 1e-12  # what is left of zero is no direction
    sizes, vectors = sizes[found], vectors[:, found]
    components = vectors.T if d <= n else (centred.T @ vectors / np.sqrt(n * sizes)).T
    average = total / d
    left = max(total - float(sizes.sum()), 0.0) / max(d - len(sizes), 1)
    variances = (1 - shrinkage) * sizes + shrinkage * average
    # Without shrinkage a direction that no image took would have no variance, and any step along it infinite length.
    remainder = max((1 - shrinkage) * left + shrinkage * average, 1e-12 * total)
    return ShrunkGaussian(mean, np.ascontiguousarray(components), variances, remainder, shrinkage)


def mahalanobis_distance(features: NDArray[np.floating], gaussian: ShrunkGaussian) -> NDArray[np.float64]:
    """Distance (n,) of each row of (n, d) finite features to the mean, in standard deviations of its direction.

    Lee et al., "A simple unified framework for detecting out-of-distribution samples", NeurIPS 2018; here one
    distribution for all classes, because an image may have several findings.
    """
    centred = np.asarray(features, dtype=np.float64) - gaussian.mean
    within = centred @ gaussian.components.T
    rest = np.maximum((centred**2).sum(axis=1) - (within**2).sum(axis=1), 0)
    return np.sqrt((within**2 / gaussian.variances).sum(axis=1) + rest / gaussian.remainder)


def unusual_percentile(scores: NDArray[np.floating], reference: NDArray[np.floating]) -> NDArray[np.float64]:
    """100 x (1 - p), where p is the conformal p-value of each score: (1 + reference scores as high) / (1 + all).

    A new image that is drawn like the reference reaches a percentile of at least ``100 - a`` with a probability of at
    most ``a`` %, if all are exchangeable (Bates et al., Ann. Stat. 2023). With several images a patient, or reference
    images that were used to choose the epoch, this holds only approximately. Takes (n,) and (m,) scores, higher is more
    unusual; returns (n,), from 0 to ``100 m / (m + 1)``.
    """
    lower = np.searchsorted(np.sort(reference), scores, side="left")
    return 100 * lower / (len(reference) + 1)


def references_needed(limit: float) -> int:
    """Fewest reference scores with which a percentile can reach a limit; 0: no number is enough (a limit of 100)."""
    return 0 if limit >= 100 else max(1, math.ceil(limit / (100 - limit) - 1e-9))
