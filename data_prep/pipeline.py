"""The one preparation: raw files in, a dataset folder out. A data set is a small :class:`~data_prep.source.Source`.

What :func:`prepare` does, in this order; nothing is written before the third step::

    source.check()                    options out of range are refused
    source.find() -> Found            files listed and matched with labels; no pixel is read
    splitter.given(...)               what a given split says of the candidates
    source.check_left_out(...)        too many left out already: an error
    opened_folder() -> Record         the folder is this command's alone; what is finished stays, but for images of a
                                      source that is not public which are no candidates any more: they are deleted
    source.write(candidate, target)   in threads: one file read once, one image written, or Refused with the reason
      -> Written(note, picture)       the note goes to preparation.jsonl, the picture to the fingerprints
    source.leave_out(notes)           what is left out once all notes are known
    splitter.draw(...)                by patient, balanced
    drop_repeats, audit_datalist      from the fingerprints: no image is decoded again
    source.extra_files(outcome)       a contact sheet, say
    source.manifest(outcome)          -> manifest.json, then datalist.json, then report.html where it is wanted
    source.print_end(outcome)         the summary and the next command

Interrupted at any point, the same command goes on: an image is finished once its line is in ``preparation.jsonl``.

Texts (console, errors, manifest, record, exclusions) name an image by its candidate's ``name`` alone, never by its
path, so a source whose names are hashes keeps paths and file names out of all of them. The record's signatures are
one-way hashes of path, size, inode and times (:func:`~monai_mocoi.files.file_signature.file_signature`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from data_prep.account import Account
from data_prep.checks import checked_out
from data_prep.histogram import Histogram, histogram
from data_prep.last_steps import unwritten_datalist
from data_prep.outcome_account import Flow, make_account, write_outcome_report
from data_prep.picture_notes import noted, print_noted
from data_prep.record import Note, Record, opened_folder
from data_prep.repeated_pictures import drop_repeats
from data_prep.source import (
    MISSING_LINE,
    NOT_IN_SPLIT,
    Candidate,
    Exclusions,
    Outcome,
    Refused,
    Source,
    label_of,
    refused_if_unreadable,
)
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.datalist_writer import write_datalist
from monai_mocoi.data.fingerprint import Fingerprint, fingerprint
from monai_mocoi.data.fingerprints import keep_fingerprints
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.atomic_write import remove_leftovers
from monai_mocoi.transforms.image_errors import check_not_constant


def prepare(source: Source) -> Account:
    """Make the dataset folder of a source, or go on with it.

    Returns:
        the account of what happened.

    Raises:
        RefusedError: an option or the output folder cannot be used; the text says what to do.
        DatasetError: a table or image cannot be used; likewise.
        LeakError: the finished lists share a patient or a picture.
    """
    source.check()
    out = checked_out(source.out, source.folders())
    splitter = source.splitter()
    found = source.find()
    candidates = found.candidates
    if not candidates:
        raise DatasetError(f"there is no image to prepare. {source.advice}")
    print(*found.lines, f"Split: {splitter.description}", sep="\n")
    patient_of = {name: candidate.patient for name, candidate in candidates.items()}
    balance_of = _balance(candidates)
    given, missing = splitter.given(patient_of, found.splits, source.listed)

    exclusions: Exclusions = defaultdict(list)
    if source.all_lines_needed and missing:
        exclusions[MISSING_LINE] += missing
        if len(missing) > source.max_missing * splitter.listed:  # a line may stand for a patient with all images
            raise DatasetError(
                f"{len(missing)} of {splitter.listed} lines of the given split stand for nothing in --images (such as "
                f"{', '.join(missing[:3])}); the limit is {source.max_missing:.1%}. {source.advice}"
            )
    for name in candidates:
        if reason := found.faults.get(name) if name in given else NOT_IN_SPLIT:
            exclusions[reason].append(name)
    total = len(candidates) + len(exclusions.get(MISSING_LINE, ()))
    source.check_left_out(exclusions, total)
    usable = {name: candidate for name, candidate in candidates.items() if name in given and name not in found.faults}
    flow = Flow(found, exclusions)
    splitter.draw({name: given[name] for name in usable}, patient_of, balance_of)  # too few patients: known at once

    options = {"source": source.key, **source.settings(), **splitter.options, "seed": source.seed}
    with opened_folder(out, options, source.public, source.secret()) as record:
        for folder in {out, *((out / candidate.target).parent for candidate in usable.values())}:
            remove_leftovers(folder)
        if not source.public and (gone := _remove_others(out, usable)):
            print(f"{gone} images of before were deleted: the export has them no more, or they are left out now")
        notes, histograms = _write_images(source, usable, out, record, exclusions, total)
        flow.step("Read, checked and written", exclusions)
        for line in source.lines(notes):
            print(line)
        print_noted(notes, source.written_in_8_bits)
        for reason, names in source.leave_out(notes).items():
            exclusions[reason] += names
        unusable = {name for names in exclusions.values() for name in names}
        splits = splitter.draw({n: given[n] for n in usable if n not in unusable}, patient_of, balance_of)
        repeats = drop_repeats(out, splits, lambda name: out / candidates[name].target, exclusions, source.workers)
        if not splits["training"]:
            raise DatasetError("no training image is left; check --images and the split.")
        flow.step("Compared with one another", exclusions)
        items = {split: [_item(candidates[name]) for name in names] for split, names in splits.items()}
        audit = audit_datalist(unwritten_datalist(out, found.title, found.labels, items), workers=source.workers)
        for reason, names in found.left_out.items():
            exclusions[reason] += names
        outcome = Outcome(out, found, notes, splits, dict(exclusions), repeats)
        source.extra_files(outcome)
        two_labels = [own for own in repeats if len({str(label_of(candidates[name])) for name in own} - {"None"}) > 1]
        manifest = {
            "source": source.key,
            "seed": source.seed,
            "options": options,
            "images_with": outcome.images_with(),
            **source.manifest(outcome),
            **noted(notes),
            "identical_pictures": repeats,
            "identical_pictures_with_different_labels": two_labels,
            "near_identical_pairs": audit.near,
            "exclusions": {reason: sorted(names) for reason, names in sorted(exclusions.items())},
        }
        datalist_sha256 = write_datalist(out, found.title, found.labels, items, manifest, found.columns)
        account = make_account(source, outcome, items, options, audit, flow, histograms, datalist_sha256)
        if source.report:
            write_outcome_report(account, outcome)
    print(audit.text())
    if repeats:
        print(
            f"pictures that occur more than once: {len(repeats)}, in {sum(map(len, repeats))} files; "
            f"{len(two_labels)} of them with different labels (listed in manifest.json)"
        )
    source.print_end(outcome)
    return account


def _balance(candidates: Mapping[str, Candidate]) -> dict[str, int | list[int | None]]:
    """What an own split keeps equally frequent; an unlabelled image has no known finding, or a class of its own."""
    values = {name: label_of(candidate) for name, candidate in candidates.items()}
    findings = next((len(value) for value in values.values() if isinstance(value, Sequence)), None)
    unlabelled: int | list[int | None] = -1 if findings is None else [None] * findings
    return {
        name: unlabelled if value is None else value if isinstance(value, int) else list(value)
        for name, value in values.items()
    }


def _item(candidate: Candidate) -> dict[str, Any]:
    label = list(candidate.label) if isinstance(candidate.label, Sequence) else candidate.label
    item = {"image": candidate.target, "label": label, "patient": candidate.patient, **candidate.columns}
    if candidate.vendor:
        item["vendor"] = candidate.vendor  # the report counts it; the datalist has it where it is one of the columns
    return item if label is not None else {key: value for key, value in item.items() if key != "label"}


def _remove_others(out: Path, candidates: Mapping[str, Candidate]) -> int:
    """Delete pictures that an earlier run wrote of files that were withdrawn since; their lines count for nothing."""
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


def _write_images(
    source: Source,
    candidates: Mapping[str, Candidate],
    out: Path,
    record: Record,
    exclusions: Exclusions,
    total: int,
) -> tuple[dict[str, Note], dict[str, Histogram]]:
    """Write what is not finished yet; returns the note of each image that is there, and histograms for the report."""
    todo: list[Candidate] = []
    notes: dict[str, Note] = {}
    for name, candidate in candidates.items():
        finished = record.finished(name, candidate.source, out / candidate.target)
        if finished is None:
            todo.append(candidate)
        else:
            notes[name] = finished
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
    histograms: dict[str, Histogram] = {}
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
