"""Splits by patient: no patient in two splits, and each finding about as frequent in every split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_mocoi.data.errors import DatasetError
from monai_mocoi.data.seeding import derive_seed


def split_by_patient(
    patients: Sequence[str], labels: ArrayLike | None, fractions: Sequence[float], seed: int = 0
) -> NDArray[np.intp]:
    """Deal the patients out to splits of given sizes with like prevalences.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data", ECML PKDD
    2011) with a patient in the place of a sample: finding by finding, the rarest first, each patient who has it goes
    to the split that still lacks the largest part of its share of it; the patients without any finding then even out
    the sizes. (The publication takes the largest number of lacking samples instead of the largest part. With patients
    of 1 to 184 images that would send the large ones to the large split.)
    scikit-learn's group splitters stratify by one class an image, not by several findings.

    Args:
        patients: patient id of each image.
        labels: what to keep balanced: (images, findings) of 0 and 1, or (images,) of class numbers; None balances the
            sizes only.
        fractions: wanted share of the images of each split; positive, sum 1. A split is off by about the images of
            one patient.
        seed: >= 0; the only chance in it. The order of the images does not matter.

    Returns:
        (images,) the split's position in ``fractions`` for each image.

    Raises:
        DatasetError: no images, fractions that do not add up to 1, or fewer patients than splits.
    """
    shares = np.asarray(fractions, dtype=float)
    if shares.ndim != 1 or len(shares) == 0 or (shares <= 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise DatasetError(f"split fractions {list(fractions)}: each must be above 0 and their sum must be 1.")
    if len(patients) == 0:
        raise DatasetError("there are no images to split.")
    names, patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if len(names) < len(shares):
        raise DatasetError(
            f"{len(names)} patient(s) cannot fill {len(shares)} splits: a patient's images stay together. "
            "Give more patients or fewer splits."
        )
    findings = _as_indicators(labels, len(patient_of))
    counts = np.zeros((len(names), findings.shape[1]))
    np.add.at(counts, patient_of, findings)
    images = np.bincount(patient_of, minlength=len(names)).astype(float)

    # The order within a finding: chance among equals, then the patients with the most images first, because a large
    # patient placed last would unbalance a split that is nearly full.
    # RandomState: its stream is frozen across NumPy versions, which that of default_rng is not.
    chance = np.random.RandomState(derive_seed(seed)).permutation(len(names))
    order = chance[np.argsort(-images[chance], kind="stable")]
    # What each split lacks, as a part of its share: all begin with the same, the total.
    wanted = np.tile(counts.sum(0), (len(shares), 1))
    wanted_images = np.full(len(shares), images.sum())
    assigned = np.full(len(names), -1)

    def assign(patient: int, need: NDArray[np.float64]) -> None:
        best = np.flatnonzero(need >= need.max() - 1e-6)
        split = best[np.argmax(wanted_images[best])]
        assigned[patient] = split
        wanted[split] -= counts[patient] / shares[split]
        wanted_images[split] -= images[patient] / shares[split]

    left = counts.copy()
    while (remaining := left.sum(0)).any():
        finding = int(np.where(remaining > 0, remaining, np.inf).argmin())
        for patient in order[left[order, finding] > 0]:
            assign(patient, wanted[:, finding])
            left[patient] = 0
    for patient in order[assigned[order] < 0]:
        assign(patient, wanted_images)
    _fill_empty(assigned, images, len(shares))
    return assigned[patient_of]


def _as_indicators(labels: ArrayLike | None, n: int) -> NDArray[np.float64]:
    if labels is None:
        return np.zeros((n, 0))
    array = np.asarray(labels)
    if len(array) != n:
        raise DatasetError(f"{n} patients but {len(array)} labels were given to split; one of each an image is needed.")
    if array.ndim == 1:
        array = array[:, None] == np.unique(array)[None, :]
    return array.astype(float)


def _fill_empty(assigned: NDArray[np.intp], images: NDArray[np.float64], splits: int) -> None:
    """With very few patients a small split can come out empty: give it the smallest patient of the largest split."""
    for split in range(splits):
        if not (assigned == split).any():
            donor = np.bincount(assigned, minlength=splits).argmax()
            members = np.flatnonzero(assigned == donor)
            assigned[members[images[members].argmin()]] = split
