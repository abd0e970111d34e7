"""One picture more than once in an export: as DICOM and as PNG, sent twice, or filed under two patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.inhouse.instances import AGAIN
from data_prep.inhouse.instances import TWO_PATIENTS as TWO_INSTANCES
from monai_mocoi.data.audit_report import NEAR_CORRELATION
from monai_mocoi.data.fingerprints import Fingerprints
from monai_mocoi.data.near_pictures import NEAR_IN_THE_MIDDLE

TWO_PATIENTS = "one picture under two patients, so it is not known whose it is"
COPY = "the same picture as another image of the patient"
COPIES = (AGAIN, TWO_INSTANCES, COPY, TWO_PATIENTS)
"""All reasons of an export that stand for copies."""


def same_pictures(
    names: Sequence[str],
    patient_of: Mapping[str, str],
    prints: Fingerprints,
    rank: Callable[[str], Any] = str,
) -> dict[str, list[str]]:
    """Tell which images are to be left out because their picture is there more than once.

    - A picture under two patients, pixel for pixel, is left out altogether, all of its copies: one of the two ids is
      wrong, and with it perhaps the label; kept anywhere, it could be learnt from under one id while other images of
      its true patient are tested on.
    - Of the copies of one patient's picture one stays. Nearly identical ones are copies too: a PNG made from a DICOM
      file has other grey levels. The limits are those of the audit (:mod:`monai_mocoi.data.audit`); in NIH
      ChestX-ray14, 520 pairs of different images of one patient stay well below them, see docs/data_steward.md.

    Nearly identical pictures of two patients are left to the audit, which warns of them across splits.

    Args:
        names: of the images, in the order of the fingerprints.
        patient_of: the patient of each.
        prints: from :func:`monai_mocoi.data.fingerprints.dataset_fingerprints`; nothing is decoded here.
        rank: of the copies of a picture, the one with the lowest rank stays; equal ranks go by name.

    Returns:
        sorted names by reason; reasons without names are left out.
    """
    by_picture: dict[bytes, list[int]] = defaultdict(list)
    for place, digest in enumerate(prints.digests):
        by_picture[bytes(digest)].append(place)
    unclear = {
        place for own in by_picture.values() if len({patient_of[names[place]] for place in own}) > 1 for place in own
    }
    by_patient: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        if place not in unclear:
            by_patient[patient_of[name]].append(place)
    copies = []
    for own in by_patient.values():
        kept: list[int] = []
        for place in sorted(own, key=lambda place: (rank(names[place]), names[place])):
            if kept and _is_copy(prints, place, kept):
                copies.append(place)
            else:
                kept.append(place)
    found = {TWO_PATIENTS: unclear, COPY: copies}
    return {reason: sorted(names[place] for place in places) for reason, places in found.items() if places}


def _is_copy(prints: Fingerprints, place: int, others: list[int]) -> bool:
    if (prints.digests[others] == prints.digests[place]).all(1).any():
        return True
    alike = np.einsum(
        "npd,pd->np", prints.descriptors[others].astype(np.float32), prints.descriptors[place].astype(np.float32)
    )
    return bool(((alike[:, 0] >= NEAR_CORRELATION) & (alike[:, 1] >= NEAR_IN_THE_MIDDLE)).any())
