"""Images of a preparation: written in threads, and those left out whose picture is in another split too."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from itertools import combinations
from pathlib import Path

from data_prep.candidates import Candidate, Exclusions, Refused, refused_if_unreadable
from data_prep.picture import Histogram, histogram
from data_prep.record import Note, Record
from data_prep.source import Source
from monai_mocoi.data.datalist_form import PRETRAINING
from monai_mocoi.data.fingerprint import Fingerprint, fingerprint
from monai_mocoi.data.fingerprints import dataset_fingerprints, keep_fingerprints
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.files.atomic_write import remove_leftovers
from monai_mocoi.transforms.image_errors import check_not_constant

REPEATED = "same picture as an image of another split"

# The test split keeps its images, then the validation split: a published test set stays whole.
_KEPT_FIRST = ("test", "validation", "training", PRETRAINING)


def write_images(
    source: Source, candidates: Mapping[str, Candidate], out: Path, record: Record, exclusions: Exclusions, total: int
) -> tuple[dict[str, Note], dict[str, Histogram]]:
    """Write what is not finished yet; return all notes, and histograms of what was written, by name.

    ``exclusions`` gets what is left out; too many of the ``total`` candidates are a DatasetError of the source.
    """
    for folder in {out, *((out / candidate.target).parent for candidate in candidates.values())}:
        remove_leftovers(folder)
    if not source.public and (gone := _remove_others(out, candidates)):
        print(f"{gone} images of before were deleted: the export has them no more, or they are left out now")
    finished = {name: record.finished(name, own.source, out / own.target) for name, own in candidates.items()}
    notes = {name: note for name, note in finished.items() if note is not None}
    todo = [own for name, own in candidates.items() if finished[name] is None]
    histograms: dict[str, Histogram] = {}
    if len(todo) < len(candidates):
        again = " (those that were left out before are looked at again)" if todo else ""
        print(f"{len(candidates) - len(todo)} images are finished already, {len(todo)} are left{again}")

    def write(candidate: Candidate) -> str | tuple[Note, Fingerprint, Histogram | None]:
        target = out / candidate.target
        try:
            written = source.write(candidate, target)
            with refused_if_unreadable():  # made smaller, a picture may show nothing any more
                check_not_constant(written.picture)
        except Refused as reason:
            target.unlink(missing_ok=True)
            return str(reason)
        return written.note, fingerprint(written.picture), histogram(written.picture) if source.report else None

    prints: dict[bytes, Fingerprint] = {}
    try:
        with closing(map_in_threads(write, todo, len(todo), source.workers, "images")) as results:
            for place, result in results:
                candidate = todo[place]
                if isinstance(result, str):
                    exclusions[result].append(candidate.name)
                    source.check_left_out(exclusions, total)
                    continue
                notes[candidate.name], known, greys = result
                prints[record.add(candidate.name, candidate.source, out / candidate.target, result[0])] = known
                if greys is not None:
                    histograms[candidate.name] = greys
    finally:
        keep_fingerprints(out, prints)
    return notes, histograms


def _remove_others(out: Path, candidates: Mapping[str, Candidate]) -> int:
    """Delete pictures of files that were withdrawn since an earlier run; their lines count for nothing."""
    targets = {out / candidate.target for candidate in candidates.values()}
    others = [
        path
        for folder in {target.parent for target in targets} - {out}
        if folder.is_dir()
        for path in folder.iterdir()
        if path not in targets and (path.is_symlink() or path.is_file())
    ]
    for path in others:
        path.unlink()
    return len(others)


def drop_repeats(
    out: Path,
    splits: dict[str, list[str]],
    candidates: Mapping[str, Candidate],
    exclusions: Exclusions,
    workers: int | None = None,
) -> list[list[str]]:
    """Take pictures that are in several splits out of all but one: nobody can correct published data.

    ``splits`` is changed in place, and the exclusions get the names under :data:`REPEATED`. Returned are all groups of
    images that show one picture, within a split or across splits, sorted.
    """
    names = sorted(name for own in splits.values() for name in own)
    prints = dataset_fingerprints(out, [str(out / candidates[name].target) for name in names], names, workers)
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
