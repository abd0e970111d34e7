"""HSIC of pairs of sets of features: whole, without each patient, and in the random orders that shuffle images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Pair = tuple[int, int]
"""Numbers of two sets of features, the first ones before the second ones; twice the same number: with itself."""

FEWEST_IMAGES = 4  # the U-statistic divides by n (n - 3)


@dataclass(frozen=True, eq=False)
class HsicOfPairs:
    """HSIC of pairs of sets.

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
    """HSIC (Song et al. 2012) from sums over matrices K and L of n images with zero diagonals; NaN below four images.

    ``products``, ``sums``, ``sums_of_rows``: sum_ij K_ij L_ij, (sum K)(sum L), and sum_i K_i. L_i.
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


@dataclass(frozen=True, eq=False)
class PatientOrder:
    """Images sorted by patient. What follows are places in that order.

    ``rows``: ``(n,)`` the images' rows, those of a patient together. ``starts``, ``sizes``: ``(patients,)`` where each
    patient's begin, and how many each has. ``permuted``: ``(n,)`` all images in a random order. ``exchanged``: two
    equally long lists of places: of images, and of images of another patient of about the same size, the same one for
    all images of the first; surplus images are left out. None where fewer than four images take part.
    """

    rows: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    permuted: np.ndarray
    exchanged: tuple[np.ndarray, np.ndarray] | None

    def blocks(self, rows_at_once: int) -> list[tuple[slice, slice]]:
        """Whole patients, as slices of places and of patients: about so many images, or one patient."""
        ends = self.starts + self.sizes
        found, first = [], 0
        while first < len(ends):
            last = int(np.searchsorted(ends, self.starts[first] + rows_at_once, side="right"))
            last = max(last, first + 1)
            found.append((slice(int(self.starts[first]), int(ends[last - 1])), slice(first, last)))
            first = last
        return found


def draw_order(index: np.ndarray, count: int, seed: int) -> PatientOrder:
    """Sort images by patient, ``index`` ``(n,)`` of 0..count - 1, and draw the random orders."""
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(index))  # within a patient at random, or its first images would always meet
    rows = rows[np.argsort(index[rows], kind="stable")]
    sizes = np.bincount(index, minlength=count)
    starts = np.cumsum(sizes) - sizes
    exchanged = None
    if count > 1 and sizes.max() > 1:
        by_size = np.lexsort((generator.random(count), sizes))
        pairs = list(zip(by_size, np.roll(by_size, 1), strict=True))
        shared = [np.arange(min(sizes[one], sizes[other])) for one, other in pairs]
        one, other = (
            np.concatenate([starts[pair[side]] + places for pair, places in zip(pairs, shared, strict=True)])
            for side in (0, 1)
        )
        exchanged = (one, other) if len(one) >= FEWEST_IMAGES else None
    return PatientOrder(rows, starts, sizes, generator.permutation(len(index)), exchanged)
