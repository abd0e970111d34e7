"""Near-identical pictures across splits: pairs whose descriptors correlate."""

import hashlib
import json
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.audit_report import NEAR_CORRELATION, Pair
from monai_mocoi.data.datalist_form import PRETRAINING
from monai_mocoi.data.fingerprints import Fingerprints
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.files.cache_dir import user_cache_dir

NEAR_IN_THE_MIDDLE = 0.75
"""From these correlations of descriptors on, of the whole and of the middle, two pictures count as nearly identical;
measured, see docs/data.md."""

_FORMAT = 2
EXAMPLES = 10
_BLOCK = 1024


Places = Sequence[tuple[str, dict[str, Any]]]


def read_together(one: str, other: str) -> bool:
    """Whether only pretraining reads both splits of a pair, so that what they share is no leak."""
    return {one, other} == {"training", PRETRAINING}


def named_place(place: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    """Split and name of an image."""
    return place[0], place[1]["name"]


def near_pairs(places: Places, prints: Fingerprints) -> tuple[dict[str, int], tuple[Pair, ...]]:
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
    pairs = [Pair("near", f"{r:.3f}", named_place(places[a]), named_place(places[b])) for r, a, b in best]
    return counts, tuple(pairs)


def _compare(splits: NDArray[Any], prints: Fingerprints) -> tuple[dict[str, int], list[tuple[float, int, int]]]:
    """Count the pairs of two splits with high correlations and different pixels; keep the most alike."""
    order = list(dict.fromkeys(splits.tolist()))
    counts = {}
    best: list[tuple[float, int, int]] = []
    for one, other in combinations(order, 2):
        if read_together(one, other):
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
                top = np.argsort(-values, kind="stable")[:EXAMPLES]
                best += zip(values[top].tolist(), first[top].tolist(), second[top].tolist(), strict=True)
        counts[f"{one} and {other}"] = found
        best = sorted(best, key=lambda pair: (-pair[0], *pair[1:]))[:EXAMPLES]
    return counts, best
