"""Orders of images: by patient, and two random ones that separate features from their images."""

from dataclasses import dataclass

import numpy as np

from monai_mocoi.metrics.hsic_pairs import FEWEST_IMAGES


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
