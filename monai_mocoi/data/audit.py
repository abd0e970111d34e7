"""Leak audit: no patient, no file and no picture in two splits; pictures that are nearly alike are pointed out.

The split ``pretraining`` is compared with validation and test; what it shares with training is no leak. The first
published lists of this method's histopathology data had the same validation and test images (fault A4).
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations, zip_longest
from typing import Any

from monai_mocoi.data.audit_report import AuditReport, LeakError, Pair
from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.data.near_pictures import EXAMPLES, Places, named_place, near_pairs, read_together

logger = logging.getLogger(__name__)


def audit_datalist(datalist: Datalist, workers: int | None = None, progress: bool = True) -> AuditReport:
    """Audit a datalist for what its splits share; fingerprints and the last comparison are cached.

    Args:
        datalist: from :func:`~monai_mocoi.data.load_datalist`.
        workers, progress: as for :func:`~monai_mocoi.data.fingerprints.dataset_fingerprints`.

    Raises:
        LeakError: a patient, a file or an identical picture (the decoded pixels, whatever the file format) is in two
            splits; up to 10 pairs by name, the rest in its ``report``.
        DatasetError: an image cannot be read.
    """
    splits = datalist.splits()
    places = [(split, item) for split, items in splits.items() for item in items]
    paths, names = ([item[key] for _, item in places] for key in ("image", "name"))
    prints = dataset_fingerprints(datalist.folder, paths, names, workers, progress)
    digests = [bytes(digest) for digest in prints.digests]
    keys: dict[str, Callable[[int], Hashable]] = {
        "patient": lambda i: places[i][1]["patient"],
        "file": lambda i: places[i][1]["name"],
        "picture": lambda i: digests[i],
    }
    found = {what: _shared(places, what, key) for what, key in keys.items()}
    examples = [pair for group in zip_longest(*found.values()) for pair in group if pair is not None]
    near, near_examples = near_pairs(places, prints)
    report = AuditReport(
        name=datalist.name,
        images={split: len(items) for split, items in splits.items()},
        patients={split: len({item["patient"] for item in items}) for split, items in splits.items()},
        repeats=_repeats(places, digests, splits),
        leaks={what: len(pairs) for what, pairs in found.items()},
        leak_examples=tuple(examples[:EXAMPLES]),
        near=near,
        near_examples=near_examples,
    )
    if not report.clean:
        raise LeakError(report)
    if sum(report.near.values()):
        logger.warning("%s", report.text())
    return report


def _shared(places: Places, what: str, key: Callable[[int], Hashable]) -> list[Pair]:
    """Return one pair for every value of ``key`` and every two splits that have it."""
    first: dict[Hashable, dict[str, int]] = defaultdict(dict)
    for i, (split, _) in enumerate(places):
        first[key(i)].setdefault(split, i)
    return [
        Pair(what, str(value) if what == "patient" else "", named_place(places[a]), named_place(places[b]))
        for value, by_split in first.items()
        for a, b in combinations(by_split.values(), 2)
        if not read_together(places[a][0], places[b][0])
    ]


def _repeats(places: Places, digests: Sequence[bytes], splits: dict[str, Any]) -> dict[str, int]:
    seen: dict[str, set[bytes]] = {split: set() for split in splits}
    for (split, _), digest in zip(places, digests, strict=True):
        seen[split].add(digest)
    return {split: len(items) - len(seen[split]) for split, items in splits.items()}
