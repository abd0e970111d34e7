"""Patients of images: numbers, and sums by patient, because every interval is over patients and not over images."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array


def patient_index(patients: Any, n: int | None = None) -> tuple[np.ndarray, int]:
    """Number each image's patient from 0, in the sorted order of the ids.

    ``patients``: ``(n,)`` ids, text or integers, one an image; another shape is refused with ValueError. ``n``: number
    of images expected; None: any. Returns ``(n,)`` numbers and how many patients there are.
    """
    ids = np.asarray(patients)
    if ids.ndim != 1 or (n is not None and len(ids) != n):
        raise ValueError(f"the patients have shape {ids.shape} but ({'images' if n is None else n},) was expected")
    unique, index = np.unique(ids, return_inverse=True)
    return index, len(unique)


def sum_by_patient(values: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Sum ``(n, columns)`` values of images over the images of each of ``count`` patients: ``(patients, columns)``."""
    membership = csr_array((np.ones(len(index)), (index, np.arange(len(index)))), shape=(count, len(index)))
    return membership @ values.astype(np.float64)
