"""Copies in an export: one SOP instance in several files, or one picture as several images, perhaps of two patients."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep.candidates import Candidate, Exclusions
from data_prep.inhouse.pseudonyms import plain_id
from data_prep.inhouse.survey import Seen
from monai_mocoi.data.audit_report import NEAR_CORRELATION, NEAR_IN_THE_MIDDLE
from monai_mocoi.data.fingerprints import Fingerprints, dataset_fingerprints

AGAIN = "the same SOP instance as another file"
TWO_OWNERS = "one SOP instance under two patients: whose it is is not known"
COPY = "the same picture as another image of the patient"
TWO_PATIENTS = "one picture under two patients, so it is not known whose it is"
COPIES = (AGAIN, TWO_OWNERS, COPY, TWO_PATIENTS)  # all reasons of an export that mean copies


class Repeated(NamedTuple):
    """Files of one SOP instance, by position."""

    left_out: dict[int, str]  # why a file is left out
    kept: dict[int, int]  # of a copy that is left out, the position of the file that stays


def repeated_instances(seen: Sequence[Seen], patients: Sequence[str]) -> Repeated:
    """Find the files whose SOP instance UID is that of another: the largest stays, of equal ones the first.

    A copy may be cut short. Of two ``patients`` (ids by file, "" where not known), none stays.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    patient_of: dict[int, str] = {}
    for place, own in enumerate(seen):
        if own.header is not None and own.header.sop:
            groups[own.header.sop].append(place)
            patient_of[place] = plain_id(patients[place])
    repeated = Repeated({}, {})
    for places in (places for places in groups.values() if len(places) > 1):
        if len({patient_of[place] for place in places} - {""}) > 1:
            repeated.left_out.update(dict.fromkeys(places, TWO_OWNERS))
            continue
        stays = max(places, key=lambda place: (seen[place].size, -place))
        for place in places:
            if place != stays:
                repeated.left_out[place], repeated.kept[place] = AGAIN, stays
    return repeated


def same_pictures(
    names: Sequence[str], patient_of: Mapping[str, str], prints: Fingerprints, rank: Callable[[str], Any] = str
) -> Exclusions:
    """Return the sorted names of the images that are left out because their picture is there more than once, by reason.

    - A picture under two patients, pixel for pixel, is left out altogether, all of its copies: one of the two ids is
      wrong, and with it perhaps the label; kept anywhere, it could be learnt from under one id while other images of
      its true patient are tested on.
    - Of the copies of one patient's picture one stays: that with the lowest rank, equal ranks by name. Nearly identical
      ones are copies too, by the limits of the audit: a PNG made from a DICOM file has other grey levels. Different
      images of one patient stay well below these limits, see docs/data_steward.md.

    Nearly identical pictures of two patients are left to the audit. Names are in the order of the fingerprints.
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


def leave_out_copies(
    folder: Path,
    candidates: Mapping[str, Candidate],
    names: Iterable[str],
    workers: int | None,
    rank: Callable[[str], Any] = str,
) -> Exclusions:
    """Apply :func:`same_pictures` to the written images of a dataset folder."""
    names = sorted(names)
    if not names:
        return {}
    folder = folder.expanduser().resolve()
    prints = dataset_fingerprints(folder, [str(folder / candidates[name].target) for name in names], names, workers)
    return same_pictures(names, {name: candidates[name].patient for name in names}, prints, rank)


def _is_copy(prints: Fingerprints, place: int, others: list[int]) -> bool:
    if (prints.digests[others] == prints.digests[place]).all(1).any():
        return True
    alike = np.einsum(
        "npd,pd->np", prints.descriptors[others].astype(np.float32), prints.descriptors[place].astype(np.float32)
    )
    return bool(((alike[:, 0] >= NEAR_CORRELATION) & (alike[:, 1] >= NEAR_IN_THE_MIDDLE)).any())
