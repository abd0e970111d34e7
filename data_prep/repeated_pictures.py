"""The same picture in two splits of published data, which nobody can correct: one copy stays."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from monai_mocoi.data.datalist import SPLITS
from monai_mocoi.data.fingerprints import dataset_fingerprints

REPEATED = "same picture as an image of another split"

# The test split keeps its images, then the validation split: a published test set stays whole.
_KEPT_FIRST = ("test", "validation", "training")


def drop_repeats(out: Path, splits: dict[str, list[str]], workers: int | None = None) -> list[str]:
    """Take pictures that stand in several splits out of all but one.

    Args:
        out: the dataset folder.
        splits: for each split the names of its files in ``images/``; changed in place.
        workers: reading threads; None means one a usable processor.

    Returns:
        the names that were taken out.

    Raises:
        DatasetError: a file cannot be read.
    """
    names = [name for split in SPLITS for name in splits[split]]
    prints = dataset_fingerprints(out, [str(out / "images" / name) for name in names], names, workers)
    digest = {name: bytes(row) for name, row in zip(names, prints.digests, strict=True)}
    dropped: list[str] = []
    for kept, later in combinations(_KEPT_FIRST, 2):
        seen = {digest[name] for name in splits[kept]}
        dropped += [name for name in splits[later] if digest[name] in seen]
        splits[later] = [name for name in splits[later] if digest[name] not in seen]
    return dropped
