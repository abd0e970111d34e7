"""Leak audit: no patient, no file and no picture in two splits; pictures that are nearly alike are pointed out.

The split ``pretraining`` is compared with validation and test; what it shares with training is no leak. The first
published lists of this method's histopathology data had the same validation and test images (fault A4).
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.audit_report import NEAR_CORRELATION, NEAR_IN_THE_MIDDLE, AuditReport, LeakError, Pair
from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.datalist_form import PRETRAINING
from monai_mocoi.data.fingerprints import Fingerprints, dataset_fingerprints
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.files.cache_dir import user_cache_dir

logger = logging.getLogger(__name__)

_FORMAT = 2
_EXAMPLES = 10
_BLOCK = 1024
_Places = Sequence[tuple[str, dict[str, Any]]]


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
    near, near_examples = _near_pairs(places, prints)
    repeats = {
        split: len(items) - len({digest for (own, _), digest in zip(places, digests, strict=True) if own == split})
        for split, items in splits.items()
    }
    report = AuditReport(
        name=datalist.name,
        images={split: len(items) for split, items in splits.items()},
        patients={split: len({item["patient"] for item in items}) for split, items in splits.items()},
        repeats=repeats,
        leaks={what: len(pairs) for what, pairs in found.items()},
        leak_examples=tuple(examples[:_EXAMPLES]),
        near=near,
        near_examples=near_examples,
    )
    if not report.clean:
        raise LeakError(report)
    if sum(report.near.values()):
        logger.warning("%s", report.text())
    return report


def _shared(places: _Places, what: str, key: Callable[[int], Hashable]) -> list[Pair]:
    """Return one pair for every value of ``key`` and every two splits that have it."""
    first: dict[Hashable, dict[str, int]] = defaultdict(dict)
    for i, (split, _) in enumerate(places):
        first[key(i)].setdefault(split, i)
    return [
        Pair(what, str(value) if what == "patient" else "", _named_place(places[a]), _named_place(places[b]))
        for value, by_split in first.items()
        for a, b in combinations(by_split.values(), 2)
        if not _read_together(places[a][0], places[b][0])
    ]


def _read_together(one: str, other: str) -> bool:
    """Whether only pretraining reads both splits of a pair, so that what they share is no leak."""
    return {one, other} == {"training", PRETRAINING}


def _named_place(place: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    """Split and name of an image."""
    return place[0], place[1]["name"]


def _near_pairs(places: _Places, prints: Fingerprints) -> tuple[dict[str, int], tuple[Pair, ...]]:
    """Count nearly identical pairs by pair of splits, and give the most alike; from the cache if nothing changed."""
    names = np.array([split for split, _ in places])
    inputs = hashlib.sha256(json.dumps([_FORMAT, NEAR_CORRELATION, NEAR_IN_THE_MIDDLE]).encode())
    for part in (names.astype("S"), prints.digests, prints.descriptors):
        inputs.update(np.ascontiguousarray(part).data)
    file = user_cache_dir() / "fingerprints" / f"{inputs.hexdigest()}.near.json"
    try:
        counts, best = json.loads(file.read_text())
    except (OSError, ValueError):
        counts, best = _compare(names, prints)
        write_json(file, [counts, best])
    pairs = [Pair("near", f"{r:.3f}", _named_place(places[a]), _named_place(places[b])) for r, a, b in best]
    return counts, tuple(pairs)


def _compare(splits: NDArray[Any], prints: Fingerprints) -> tuple[dict[str, int], list[tuple[float, int, int]]]:
    """Count the pairs of two splits with high correlations and different pixels; keep the most alike."""
    order = list(dict.fromkeys(splits.tolist()))
    counts = {}
    best: list[tuple[float, int, int]] = []
    for one, other in combinations(order, 2):
        if _read_together(one, other):
            continue
        rows, columns = np.flatnonzero(splits == one), np.flatnonzero(splits == other)
        found = 0
        for a in range(0, len(rows), _BLOCK):
            left, left_middle = prints.descriptors[rows[a : a + _BLOCK]].astype(np.float32).transpose(1, 0, 2)
            for b in range(0, len(columns), _BLOCK):
                right, right_middle = prints.descriptors[columns[b : b + _BLOCK]].astype(np.float32).transpose(1, 0, 2)
                correlation = left @ right.T
                if correlation.max() < NEAR_CORRELATION:
                    continue
                middle = left_middle @ right_middle.T
                i, j = np.nonzero((correlation >= NEAR_CORRELATION) & (middle >= NEAR_IN_THE_MIDDLE))
                first, second = rows[a + i], columns[b + j]
                other_pixels = (prints.digests[first] != prints.digests[second]).any(1)
                i, j, first, second = (index[other_pixels] for index in (i, j, first, second))
                found += len(i)
                values = correlation[i, j]
                top = np.argsort(-values, kind="stable")[:_EXAMPLES]
                best += zip(values[top].tolist(), first[top].tolist(), second[top].tolist(), strict=True)
        counts[f"{one} and {other}"] = found
        best = sorted(best, key=lambda pair: (-pair[0], *pair[1:]))[:_EXAMPLES]
    return counts, best
