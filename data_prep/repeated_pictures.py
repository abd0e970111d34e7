"""Remove pictures that are in two splits of published data, which nobody can correct: one copy stays."""

from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

from monai_mocoi.data.datalist_form import PRETRAINING
from monai_mocoi.data.fingerprints import dataset_fingerprints

REPEATED = "same picture as an image of another split"

# The test split keeps its images, then the validation split: a published test set stays whole.
_KEPT_FIRST = ("test", "validation", "training", PRETRAINING)


def drop_repeats(
    out: Path,
    splits: dict[str, list[str]],
    path_of: Callable[[str], Path],
    exclusions: dict[str, list[str]],
    workers: int | None = None,
) -> list[list[str]]:
    """Take pictures that are in several splits out of all but one, and print how many.

    ``splits`` is changed in place, and the exclusions get the names under :data:`REPEATED`; ``path_of`` returns the
    file of an image by its name. Returned are all groups of images that show one picture, within a split or across
    splits, sorted.
    """
    names = sorted(name for own in splits.values() for name in own)
    prints = dataset_fingerprints(out, [str(path_of(name)) for name in names], names, workers)
    digest = {name: bytes(row) for name, row in zip(names, prints.digests, strict=True)}
    groups: dict[bytes, list[str]] = defaultdict(list)
    for name in names:
        groups[digest[name]].append(name)
    dropped: list[str] = []
    for kept, later in combinations([split for split in _KEPT_FIRST if split in splits], 2):
        seen = {digest[name] for name in splits[kept]}
        dropped += [name for name in splits[later] if digest[name] in seen]
        splits[later] = [name for name in splits[later] if digest[name] not in seen]
    if dropped:
        print(f"{len(dropped)} images show exactly the same picture as one of another split and were left out")
        exclusions.setdefault(REPEATED, []).extend(dropped)
    return sorted(group for group in groups.values() if len(group) > 1)
