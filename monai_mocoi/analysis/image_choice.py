"""Choice of images, as evenly from the patients as possible."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.errors import FeatureReuseError
from monai_mocoi.metrics import patient_index


def choose_by_patient(patients: Sequence[str], most: int, seed: int = 0) -> NDArray[np.int64]:
    """Draw images as evenly from the patients as possible, so that as many patients as possible are kept.

    Args:
        patients: of each image.
        most: images, 1 or more; each patient gives the same number at most, or ``most`` of them one image each.
        seed: 0 or more.

    Returns:
        rows of the images drawn, ascending; all of them where there are no more than ``most``.

    Raises:
        FeatureReuseError: ``most`` below 1.
    """
    if most < 1:
        raise FeatureReuseError(f"the most images to compare is {most}; it must be 1 or more.")
    index, count = patient_index(np.asarray(patients, dtype=str))
    if len(index) <= most:
        return np.arange(len(index))
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(index))
    rows = rows[np.argsort(index[rows], kind="stable")]
    sizes = np.bincount(index, minlength=count)
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    if count > most:
        return np.sort(generator.choice(rows[rank == 0], most, replace=False))
    lent = max(k for k in range(1, most + 1) if np.minimum(sizes, k).sum() <= most)
    return np.sort(rows[rank < lent])
