"""Splits by patient: no patient in two splits, and each finding about as frequent in every split."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_mocoi.data.labels import label_values
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.errors import DatasetError
from monai_mocoi.metrics.inputs import is_known


def split_by_patient(
    patients: Sequence[str], labels: ArrayLike | None, fractions: Sequence[float], seed: int = 0
) -> NDArray[np.intp]:
    """Deal the patients out to splits of given sizes with like prevalences.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data", ECML PKDD
    2011) with a patient in the place of a sample: finding by finding, the rarest first, each patient who has it goes to
    the split that still lacks the largest part of its share of it (not the largest number, as published, which would
    send large patients to the large split); the patients without any finding then even out the sizes.

    Args:
        patients: patient id of each image.
        labels: what to keep balanced: (images, findings) of 0, 1 and ``UNKNOWN`` (or None), or (images,) of class
            numbers; None balances the sizes only. What is not known is spread evenly, too.
        fractions: wanted share of the images of each split; positive, sum 1; kept to about one patient's images.
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
    patient_of, counts, images = count_by_patient(patients, labels)
    if len(images) < len(shares):
        raise DatasetError(
            f"{len(images)} patient(s) cannot fill {len(shares)} splits: a patient's images stay together. "
            "Give more patients or fewer splits."
        )
    return deal_out(counts, images, shares, np.random.RandomState(derive_seed(seed)))[patient_of]


def count_by_patient(
    patients: Sequence[str], labels: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Number the patients in the order of their ids, and count their images and findings.

    Returns (images,) each image's patient; (patients, findings) images with each finding or class, and last, without
    each finding that is not known of all; (patients,) images. Raises DatasetError: not one label an image.
    """
    names, patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    findings = _as_indicators(labels, len(patient_of))
    counts = np.zeros((len(names), findings.shape[1]))
    np.add.at(counts, patient_of, findings)
    return patient_of, counts, np.bincount(patient_of, minlength=len(names)).astype(float)


def deal_out(
    counts: NDArray[np.float64], images: NDArray[np.float64], shares: NDArray[np.float64], random: np.random.RandomState
) -> NDArray[np.intp]:
    """Deal patients out to splits, as :func:`split_by_patient` does, from what :func:`count_by_patient` gives.

    ``shares`` (splits,) have the sum 1, no more than patients; ``random`` breaks the ties (RandomState, because its
    stream is frozen across NumPy versions). Return (patients,) the split of each patient; none is empty.
    """
    # The order within a finding: chance among equals, then the patients with the most images first, because a large
    # patient placed last would unbalance a split that is nearly full.
    chance = random.permutation(len(images))
    order = chance[np.argsort(-images[chance], kind="stable")].tolist()
    # Plain lists from here on: arrays of two or three numbers would take five times as long.
    found, size, parts = counts.tolist(), images.tolist(), shares.tolist()
    remaining = counts.sum(0).tolist()
    # What each split lacks, as a part of its share: all begin with the same, the total.
    wanted = [[total] * len(parts) for total in remaining]
    wanted_images = [sum(size)] * len(parts)
    assigned = [-1] * len(size)

    def assign(patient: int, need: list[float]) -> None:
        enough = max(need) - 1e-6
        best = [split for split, lack in enumerate(need) if lack >= enough]
        split = max(best, key=wanted_images.__getitem__)
        assigned[patient] = split
        for finding, count in enumerate(found[patient]):
            if count:
                wanted[finding][split] -= count / parts[split]
                remaining[finding] -= count
        wanted_images[split] -= size[patient] / parts[split]

    while open_findings := [finding for finding, count in enumerate(remaining) if count > 0]:
        finding = min(open_findings, key=remaining.__getitem__)
        for patient in order:
            if assigned[patient] < 0 and found[patient][finding]:
                assign(patient, wanted[finding])
    for patient in order:
        if assigned[patient] < 0:
            assign(patient, wanted_images)
    result = np.array(assigned)
    _fill_empty(result, images, len(parts))
    return result


def _as_indicators(labels: ArrayLike | None, n: int) -> NDArray[np.float64]:
    if labels is None:
        return np.zeros((n, 0))
    array = np.asarray(labels)
    if len(array) != n:
        raise DatasetError(f"{n} patients but {len(array)} labels were given; one of each an image is needed.")
    if array.ndim == 1:
        return (array[:, None] == np.unique(array)[None, :]).astype(float)
    if array.dtype == object:
        array = label_values(array.tolist())
    unknown = ~is_known(array)
    if not unknown.any():
        return array.astype(float)
    return np.column_stack([array == 1, (array == 0)[:, unknown.any(0)]]).astype(float)


def _fill_empty(assigned: NDArray[np.intp], images: NDArray[np.float64], splits: int) -> None:
    """With very few patients a small split can come out empty: give it the smallest patient of the largest split."""
    for split in range(splits):
        if not (assigned == split).any():
            donor = np.bincount(assigned, minlength=splits).argmax()
            members = np.flatnonzero(assigned == donor)
            assigned[members[images[members].argmin()]] = split
