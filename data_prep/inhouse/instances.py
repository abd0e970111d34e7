"""The same SOP instance in several files: archives send twice, and people copy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from data_prep.inhouse.pseudonyms import plain_id
from data_prep.inhouse.survey import Seen

AGAIN = "the same SOP instance as another file"
TWO_PATIENTS = "one SOP instance under two patients: whose it is is not known"


@dataclass(frozen=True)
class Repeated:
    """Files of one SOP instance.

    Attributes:
        left_out: why a file is left out, by position.
        kept: of a copy that is left out, the position of the file that stays.
    """

    left_out: dict[int, str]
    kept: dict[int, int]


def repeated_instances(seen: Sequence[Seen]) -> Repeated:
    """Return the files that are left out because their SOP instance UID is that of another.

    The largest file stays, for a copy may be cut short; of equal ones the first. Where they name two patients, none
    does.

    Args:
        seen: files with headers; others, and those without a UID, are passed over.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for place, own in enumerate(seen):
        if own.header is not None and own.header.sop:
            groups[own.header.sop].append(place)
    left_out: dict[int, str] = {}
    kept: dict[int, int] = {}
    for places in (places for places in groups.values() if len(places) > 1):
        headers = [own.header for place in places if (own := seen[place]).header is not None]
        patients = {plain_id(header.patient) for header in headers if header is not None} - {""}
        if len(patients) > 1:
            left_out |= dict.fromkeys(places, TWO_PATIENTS)
            continue
        stays = max(places, key=lambda place: (seen[place].size, -place))
        kept |= {place: stays for place in places if place != stays}
        left_out |= {place: AGAIN for place in places if place != stays}
    return Repeated(left_out, kept)
