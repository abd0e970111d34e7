"""The leak audit: no patient, no file and no picture in two splits; pictures that are nearly alike are pointed out.

A picture that is both learnt from and tested on makes a test score too good, and nobody sees it in the score. The first
published lists of this method's histopathology data had the same validation and test images (fault A4). The split
``pretraining`` is compared with validation and test; what it shares with training is no leak.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.datalist import PRETRAINING, Datalist
from monai_mocoi.data.fingerprints import Fingerprints, dataset_fingerprints
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.files.cache_dir import user_cache_dir

NEAR_CORRELATION = 0.97
NEAR_IN_THE_MIDDLE = 0.75
"""From these correlations of descriptors on, of the whole and of the middle, two pictures count as nearly identical;
measured, see docs/data.md."""

_FORMAT = 2
_EXAMPLES = 10
_BLOCK = 1024


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """Two images of two splits that should not both be there.

    Attributes:
        what: "patient", "file", "picture" (identical pixels) or "near" (nearly identical pictures).
        detail: the patient's id or the correlation; empty otherwise.
        first, second: (split, name within the dataset folder).
    """

    what: str
    detail: str
    first: tuple[str, str]
    second: tuple[str, str]

    def __str__(self) -> str:
        label = f"{self.what} {self.detail}".strip()
        return f"{label}: {self.first[0]} {self.first[1]} = {self.second[0]} {self.second[1]}"


@dataclass(frozen=True)
class AuditReport:
    """What the audit found.

    Attributes:
        name: of the data set.
        images, patients: number by split.
        repeats: by split, the images whose picture stands in the same split already (no leak: counted only).
        leaks: number of leaks by what is shared: "patient", "file", "picture".
        leak_examples: up to 10 of them.
        near: number of nearly identical pairs by pair of splits, such as "training and test" (a warning).
        near_examples: up to 10 of them, the most alike first.
    """

    name: str
    images: dict[str, int]
    patients: dict[str, int]
    repeats: dict[str, int]
    leaks: dict[str, int] = field(default_factory=dict)
    leak_examples: tuple[Pair, ...] = ()
    near: dict[str, int] = field(default_factory=dict)
    near_examples: tuple[Pair, ...] = ()

    @property
    def clean(self) -> bool:
        """True without a leak; pictures that are nearly identical do not count."""
        return not any(self.leaks.values())

    def text(self) -> str:
        """Return the report as lines for people."""
        lines = [f"Leak audit of '{self.name}'"]
        for split, n in self.images.items():
            again = f", {self.repeats[split]} repeat a picture of the same split" if self.repeats[split] else ""
            lines.append(f"  {split}: {n} images of {self.patients[split]} patients{again}")
        for what, plural in (("patient", "patients"), ("file", "files"), ("picture", "identical pictures")):
            lines.append(f"  {plural} in two splits: {self.leaks.get(what, 0)}")
        lines += [f"    {pair}" for pair in self.leak_examples]
        total = sum(self.near.values())
        lines.append(f"  nearly identical pairs across splits (correlation >= {NEAR_CORRELATION}): {total}")
        lines += [f"    {splits}: {n}" for splits, n in self.near.items() if n]
        lines += [f"    {pair}" for pair in self.near_examples]
        if total:
            lines.append("  WARNING: look at these pairs; if they show the same picture, take one of each out.")
        lines.append("  Result: " + ("clean" if self.clean else "LEAK"))
        return "\n".join(lines)


class LeakError(DatasetError):
    """A patient, file or picture is in two splits.

    Attributes:
        report: the whole audit.
        remedy: what to do about it.
    """

    remedy = (
        "prepare the dataset folder again with data_prep, which splits by patient, or take the images named above out "
        "of one of the two splits in datalist.json; then check with `python -m data_prep audit FOLDER`."
    )

    def __init__(self, report: AuditReport) -> None:
        self.report = report
        counts = ", ".join(f"{n} {what}(s)" for what, n in report.leaks.items() if n)
        examples = "\n".join(f"  {pair}" for pair in report.leak_examples)
        super().__init__(
            f"'{report.name}' has {counts} in two splits, so scores would be too good to be true:\n{examples}\n"
            f"How to mend it: {self.remedy}"
        )


def audit_datalist(
    datalist: Datalist,
    workers: int | None = None,
    progress: bool = True,
    cache_dir: str | Path | None = None,
) -> AuditReport:
    """Audit a datalist for what its splits share.

    The pictures' fingerprints and the last comparison are cached, so that an audit of an unchanged folder takes no
    more than asking the file system for each file's state.

    Args:
        datalist: from :func:`~monai_mocoi.data.load_datalist`.
        workers: reading threads; None means one a usable processor.
        progress: show a progress bar if anything has to be read.
        cache_dir: folder of the cached fingerprints; None means ``user_cache_dir()/fingerprints``.

    Returns:
        the report of a data set without leak.

    Raises:
        LeakError: a patient, a file or an identical picture (the decoded pixels, whatever the file format) is in two
            splits; up to 10 pairs by name, the rest in its ``report``.
        DatasetError: an image cannot be read.
    """
    splits = datalist.splits()
    places = [(split, item) for split, items in splits.items() for item in items]
    prints = dataset_fingerprints(
        datalist.folder,
        [item["image"] for _, item in places],
        [item["name"] for _, item in places],
        workers,
        progress,
        cache_dir,
    )
    digests = [bytes(digest) for digest in prints.digests]
    keys: dict[str, Callable[[int], Hashable]] = {
        "patient": lambda i: places[i][1]["patient"],
        "file": lambda i: places[i][1]["name"],
        "picture": lambda i: digests[i],
    }
    found = {what: _shared(places, what, key) for what, key in keys.items()}
    examples = [pair for group in zip_longest(*found.values()) for pair in group if pair is not None]
    near, near_examples = _near(places, prints, cache_dir)
    report = AuditReport(
        name=datalist.name,
        images={split: len(items) for split, items in splits.items()},
        patients={split: len({item["patient"] for item in items}) for split, items in splits.items()},
        repeats=_repeats(places, digests, splits),
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


_Places = Sequence[tuple[str, dict[str, Any]]]


def _shared(places: _Places, what: str, key: Callable[[int], Hashable]) -> list[Pair]:
    """Return one pair for every value of ``key`` and every two splits that have it."""
    first: dict[Hashable, dict[str, int]] = defaultdict(dict)
    for i, (split, _) in enumerate(places):
        first[key(i)].setdefault(split, i)
    return [
        Pair(what, str(value) if what == "patient" else "", _place(places[a]), _place(places[b]))
        for value, by_split in first.items()
        for a, b in combinations(by_split.values(), 2)
        if not _read_together(places[a][0], places[b][0])
    ]


def _read_together(one: str, other: str) -> bool:
    """Whether only pretraining reads both splits of a pair, so that what they share is no leak."""
    return {one, other} == {"training", PRETRAINING}


def _place(place: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    return place[0], place[1]["name"]


def _repeats(places: _Places, digests: Sequence[bytes], splits: dict[str, Any]) -> dict[str, int]:
    seen: dict[str, set[bytes]] = {split: set() for split in splits}
    for (split, _), digest in zip(places, digests, strict=True):
        seen[split].add(digest)
    return {split: len(items) - len(seen[split]) for split, items in splits.items()}


def _near(
    places: _Places, prints: Fingerprints, cache_dir: str | Path | None
) -> tuple[dict[str, int], tuple[Pair, ...]]:
    names = np.array([split for split, _ in places])
    inputs = hashlib.sha256(json.dumps([_FORMAT, NEAR_CORRELATION, NEAR_IN_THE_MIDDLE]).encode())
    for part in (names.astype("S"), prints.digests, prints.descriptors):
        inputs.update(np.ascontiguousarray(part).data)
    root = Path(cache_dir) if cache_dir is not None else user_cache_dir() / "fingerprints"
    file = root / f"{inputs.hexdigest()}.near.json"
    try:
        counts, best = json.loads(file.read_text())
    except (OSError, ValueError):
        counts, best = _compare(names, prints)
        write_json(file, [counts, best])
    pairs = [Pair("near", f"{r:.3f}", _place(places[a]), _place(places[b])) for r, a, b in best]
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
