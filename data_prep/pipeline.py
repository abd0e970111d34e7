"""The one preparation: raw files in, a dataset folder out. A data set is a small :class:`~data_prep.source.Source`.

What :func:`prepare` does, in this order; nothing is written before ``opened_folder``::

    source.check()                    options out of range are refused
    source.find() -> Found            files listed and matched with labels; no pixel is read
    splitter.given(...)               what a given split says of the candidates
    source.check_left_out(...)        too many left out already: an error
    opened_folder() -> Record         the folder is this command's alone; what is finished stays, except images of a
                                      private source that are not candidates any more: they are deleted
    source.write(candidate, target)   in threads: one file read once, one image written, or Refused with the reason
      -> Written(note, picture)       the note goes to preparation.jsonl, the picture to the fingerprints
    source.leave_out(notes)           what is left out once all notes are known
    splitter.draw(...)                by patient, balanced
    drop_repeats, audit_datalist      from the fingerprints: no image is decoded again
    source.coarsen(candidates, used)  values that are rare among the images that are used
    source.extra_files(outcome)       a contact sheet, say
    source.manifest(outcome)          -> manifest.json, then datalist.json, then report.html where it is wanted
    source.print_end(outcome)         the summary and the next command

Interrupted at any point, the same command goes on: an image is finished once its line is in ``preparation.jsonl``.

Texts (console, errors, manifest, record, exclusions) call an image by its candidate's ``name`` alone, never by its
path, so a source whose names are hashes keeps paths and file names out of all of them. The record's signatures are
one-way hashes of path, size, inode and times (:func:`~monai_mocoi.files.file_signature.file_signature`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from data_prep.account import Account
from data_prep.candidates import MISSING_LINE, NOT_IN_SPLIT, Candidate, Exclusions, Found, Outcome, unwritten_datalist
from data_prep.console import print_noted
from data_prep.image_writing import drop_repeats, write_images
from data_prep.options import checked_out
from data_prep.outcome_account import Flow, make_account
from data_prep.picture import noted
from data_prep.record import opened_folder
from data_prep.source import Source
from data_prep.splitter import Splitter
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.datalist_writer import write_datalist
from monai_mocoi.errors import DatasetError


def prepare(source: Source) -> Account:
    """Make the dataset folder of a source, or go on with it; return the account of what happened.

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
    exclusions = _left_out(source, splitter, found, given, missing)
    total = len(candidates) + len(exclusions.get(MISSING_LINE, ()))
    source.check_left_out(exclusions, total)
    usable = {name: candidate for name, candidate in candidates.items() if name in given and name not in found.faults}
    flow = Flow(found, exclusions)
    splitter.draw({name: given[name] for name in usable}, patient_of, balance_of)  # too few patients: known at once

    options = {"source": source.key, **source.settings(), **splitter.options, "seed": source.seed}
    with opened_folder(out, options, source.public, source.secret()) as record:
        notes, histograms = write_images(source, usable, out, record, exclusions, total)
        flow.step("Read, checked and written", exclusions)
        for line in source.lines(notes):
            print(line)
        print_noted(notes, source.written_in_8_bits)
        for reason, names in source.leave_out(notes).items():
            exclusions[reason] += names
        unusable = {name for names in exclusions.values() for name in names}
        splits = splitter.draw({n: given[n] for n in usable if n not in unusable}, patient_of, balance_of)
        repeats = drop_repeats(out, splits, candidates, exclusions, source.workers)
        if not splits["training"]:
            raise DatasetError("no training image is left; check the folders with the images, and the split.")
        flow.step("Compared with one another", exclusions)
        source.coarsen(candidates, [name for names in splits.values() for name in names])
        items = {split: [candidates[name].item() for name in names] for split, names in splits.items()}
        audit = audit_datalist(unwritten_datalist(out, found.title, found.labels, items), workers=source.workers)
        for reason, names in found.left_out.items():
            exclusions[reason] += names
        outcome = Outcome(out, found, notes, splits, dict(exclusions), repeats)
        source.extra_files(outcome)
        two_labels = [own for own in repeats if len({str(candidates[name].balanced) for name in own} - {"None"}) > 1]
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
            from data_prep.html_report import write_outcome_report  # not for every preparation

            write_outcome_report(account, outcome)
    print(audit.text())
    if repeats:
        print(
            f"pictures that occur more than once: {len(repeats)}, in {sum(map(len, repeats))} files; "
            f"{len(two_labels)} of them with different labels (listed in manifest.json)"
        )
    source.print_end(outcome)
    return account


def _left_out(
    source: Source, splitter: Splitter, found: Found, given: Mapping[str, str], missing: Sequence[str]
) -> Exclusions:
    """What is left out before a pixel is read: candidates with faults or in no split, and lines without an image."""
    exclusions: Exclusions = defaultdict(list)
    if source.all_lines_needed and missing:
        exclusions[MISSING_LINE] += missing
        if len(missing) > source.max_missing * splitter.listed:  # a line may stand for a patient with all images
            raise DatasetError(
                f"{len(missing)} of {splitter.listed} lines of the given split match no image (such as "
                f"{', '.join(missing[:3])}); the limit is {source.max_missing:.1%}. {source.advice}"
            )
    for name in found.candidates:
        if reason := found.faults.get(name) if name in given else NOT_IN_SPLIT:
            exclusions[reason].append(name)
    return exclusions


def _balance(candidates: Mapping[str, Candidate]) -> dict[str, int | list[int | None]]:
    """What an own split keeps equally frequent; an unlabelled image has no known finding, or a class of its own."""
    values = {name: candidate.balanced for name, candidate in candidates.items()}
    findings = next((len(value) for value in values.values() if isinstance(value, Sequence)), None)
    unlabelled: int | list[int | None] = -1 if findings is None else [None] * findings
    return {
        name: unlabelled if value is None else value if isinstance(value, int) else list(value)
        for name, value in values.items()
    }
