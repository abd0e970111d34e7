"""Write the images of a preparation in threads, those that are finished already left as they are."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from data_prep.candidates import Candidate, Exclusions, Refused, refused_if_unreadable
from data_prep.picture import Histogram, histogram
from data_prep.record import Note, Record
from data_prep.source import Source
from monai_mocoi.data.fingerprint import Fingerprint, fingerprint
from monai_mocoi.data.fingerprints import keep_fingerprints
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.files.atomic_write import remove_leftovers
from monai_mocoi.transforms.image_errors import check_not_constant


def write_images(
    source: Source, candidates: Mapping[str, Candidate], out: Path, record: Record, exclusions: Exclusions, total: int
) -> tuple[dict[str, Note], dict[str, Histogram]]:
    """Write what is not finished yet; return all notes, and histograms of what was written, by name.

    ``exclusions`` gets what is left out, by reason; too many of the ``total`` candidates are a DatasetError of the
    source.
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
