"""HSIC of pairs of sets of features: whole, without each patient, and shuffled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Pair = tuple[int, int]
"""Numbers of two sets of features, the first ones before the second ones; twice the same number: with itself."""

FEWEST_IMAGES = 4
"""The U-statistic divides by n (n - 3)."""


@dataclass(frozen=True, eq=False)
class HsicOfPairs:
    """HSIC (U-statistic of Song et al. 2012) of pairs of sets.

    ``whole``: of each first set with each second one, and of each set with itself. ``left_out``: the same without each
    patient in turn, ``(patients,)``; NaN where fewer than four images are left. ``permuted``, ``exchanged``: with
    images, and with whole patients, exchanged at random; the latter None where impossible. ``equal``: of first with
    second: whether the two sets are equal, number by number.
    """

    whole: dict[Pair, float]
    left_out: dict[Pair, np.ndarray]
    permuted: dict[Pair, float]
    exchanged: dict[Pair, float] | None
    equal: dict[Pair, bool]


def pairs_of(first: int, second: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs of ``first`` sets with ``second`` ones; and of each set with itself."""
    return (
        [(i, j) for i in range(first) for j in range(first, first + second)],
        [(i, i) for i in range(first + second)],
    )


def u_statistic(products: Any, sums: Any, sums_of_rows: Any, images: Any) -> Any:
    """HSIC from sums over two kernel matrices of n images with zero diagonals; NaN below four images.

    ``products``, ``sums``, ``sums_of_rows``: sum of the products of their entries; product of their sums; sum over the
    rows of the products of their row sums. ``images``: n.
    """
    n = np.maximum(images, FEWEST_IMAGES)
    value = (products + sums / ((n - 1) * (n - 2)) - 2 / (n - 2) * sums_of_rows) / (n * (n - 3))
    return np.where(np.asarray(images) < FEWEST_IMAGES, np.nan, value)


def check_sets(given: Sequence[Any]) -> list[np.ndarray]:
    """Refuse sets of other images, or of too few, and features that are not finite, with ValueError."""
    sets = [np.asarray(features) for features in given]
    for number, features in enumerate(sets):
        if features.ndim != 2 or not features.shape[1] or len(features) != len(sets[0]):
            raise ValueError(
                f"features {number} have shape {features.shape}; each set must be (images, channels), of the same "
                f"{len(sets[0])} images"
            )
        if not np.isfinite(features.sum(dtype=np.float64)):
            raise ValueError(f"features {number} are not all finite numbers")
    check_count(len(sets[0]))
    return sets


def check_count(images: int) -> None:
    """Refuse fewer than four images with ValueError."""
    if images < FEWEST_IMAGES:
        raise ValueError(f"CKA needs {FEWEST_IMAGES} images or more, but there are {images}")
