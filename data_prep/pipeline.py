"""The one preparation: raw files in, a dataset folder out. A data set is a small :class:`Source`.

What :func:`prepare` does, in this order; nothing is written before the third step::

    source.check()                    options out of range are refused
    source.find() -> Found            files listed and matched with labels; no pixel is read
    splitter.given(...)               what a given split says of the candidates
    source.check_left_out(...)        too many left out already: an error
    opened_folder() -> Record         the folder is this command's alone; what is finished stays
    source.write(candidate, target)   in threads: one file read once, one image written, or Refused with the reason
      -> Written(note, picture)       the note goes to preparation.jsonl, the picture to the fingerprints
    source.leave_out(notes)           what is left out once all notes are known
    splitter.draw(...)                by patient, balanced
    drop_repeats, audit_datalist      from the fingerprints: no image is decoded again
    source.extra_files(outcome)       a contact sheet, say
    source.manifest(outcome)          -> manifest.json, then datalist.json, then report.html where it is wanted
    source.print_end(outcome)         the summary and the next command

Interrupted at any point, the same command goes on: an image is finished once its line is in ``preparation.jsonl``.

Texts (console, errors, manifest, record, exclusions) name an image by :attr:`Candidate.name` alone, never by its path,
so a source whose names are hashes keeps paths and names out of all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_prep.account import Account, Step
from data_prep.checks import check_left_out, checked_out
from data_prep.counts import NOT_KNOWN, count_groups, count_labels, count_splits, grey_band
from data_prep.histogram import Histogram, histogram
from data_prep.last_steps import print_next, unwritten_datalist
from data_prep.options import Options
from data_prep.picture_notes import noted, print_noted
from data_prep.record import Note, Record, opened_folder
from data_prep.repeated_pictures import REPEATED, drop_repeats
from data_prep.splitter import Splitter
from data_prep.summary import print_left_out, print_table
from monai_mocoi.atomic_write import remove_leftovers
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.datalist import write_datalist
from monai_mocoi.data.errors import DatasetError
from monai_mocoi.data.fingerprints import Fingerprint, fingerprint, keep_fingerprints
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.versions import decoder_versions
from monai_mocoi.exit_codes import FINISHED
from monai_mocoi.transforms.image_errors import check_not_constant
from monai_mocoi.transforms.reader import read_image

REPORT_NAME = "report.html"

MISSING = "no such file in --images"
MISSING_LINE = "in the given split, but not in --images"
NOT_IN_SPLIT = "not in the given split"
UNREADABLE = "unreadable: "

Exclusions = dict[str, list[str]]
"""Names of images by the reason why they are left out."""
Label = int | Sequence[int | None] | None
"""A class number; or 0, 1 or None (not known) for each finding; None: unlabelled."""
Table = dict[str, dict[str, int]]
"""Images by split and name of a label."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image that may be written.

    Attributes:
        name: unique; what texts, records, splits and exclusions call it. The file's name of a published set, a hash of
            an own one.
        source: path of the file that is read; empty if there is none, and its fault is :data:`MISSING`.
        target: path of the image in the dataset folder, such as ``images/x.png``.
        patient: id.
        label: a class number, or 0, 1 or None (not known) for each finding; None: unlabelled.
        columns: what else the datalist's item holds: sex, age, view, site.
        balance: what an own split keeps equally frequent, like ``label``; None: the label.
        vendor: what intensities are reported by; empty where it is not known.
        extra: anything that :meth:`Source.write` needs, such as the number of a frame; not written anywhere.
    """

    name: str
    source: str
    target: str
    patient: str
    label: Label
    columns: Mapping[str, str | int | float] = field(default_factory=dict)
    balance: Label = None
    vendor: str = ""
    extra: Any = None


@dataclass
class Found:
    """What a source knows before a pixel is read.

    Attributes:
        title: of the data set, for the datalist.
        labels: names of the classes or findings.
        candidates: by name, in the order in which they are to be written.
        faults: why a candidate cannot be used, by its name: these count for ``--max-missing``.
        left_out: names by reason of what a rule of the source keeps out; they count for no limit.
        columns: those keys of :attr:`Candidate.columns` that the datalist gets.
        lines: for the console.
        flow: stations from the files found to the candidates, for the report; as many pass the last one as there are
            candidates with a file. Empty: the files found, less ``others``.
        others: number of files that are none of the candidates.
        splits: the split of an image by name, where the source decides it (a site that is held out, patients for
            pretraining alone); the others are drawn.
        decisions, identity: sentences for the report, see :class:`~data_prep.account.Account`.
        identified: the dataset folder refers to the raw files.
    """

    title: str
    labels: Sequence[str]
    candidates: dict[str, Candidate]
    faults: dict[str, str] = field(default_factory=dict)
    left_out: Exclusions = field(default_factory=dict)
    columns: Sequence[str] = ()
    lines: Sequence[str] = ()
    flow: Sequence[Step] = ()
    others: int = 0
    splits: Mapping[str, str] = field(default_factory=dict)
    decisions: Sequence[str] = ()
    identity: Sequence[str] = ()
    identified: bool = False


class Written(NamedTuple):
    """What :meth:`Source.write` has done.

    Attributes:
        note: a number, or a small dictionary for JSON, that is kept for an interrupted preparation: all that
            :meth:`Source.leave_out`, :meth:`Source.lines` and :meth:`Source.manifest` need to know of the picture. In a
            dictionary, ``levels`` is the number of distinct grey levels in the raw file, for the report.
        picture: (1 or 3, rows, columns) float32 in 0..1: just what the reader makes of the written file.
    """

    note: Note
    picture: NDArray[np.float32]


class Refused(Exception):  # of one picture: the preparation goes on
    """One image is left out; the text is the reason, alike for all images with that fault, without name and path."""


@dataclass
class Outcome:
    """What came out, for the source's last steps.

    Attributes:
        folder: the dataset folder.
        found: what :meth:`Source.find` gave.
        notes: of each image that is written, by name.
        splits: names by split, sorted.
        exclusions: names by reason, all of them.
        repeats: groups of names that show one picture.
    """

    folder: Path
    found: Found
    notes: dict[str, Note]
    splits: dict[str, list[str]]
    exclusions: Exclusions
    repeats: list[list[str]]

    def images_with(self) -> Table:
        """Return how many images each split has of each class, or with each finding, by label."""
        return self.count(self.found.labels, lambda candidate: candidate.label)

    def count(self, names: Sequence[str], value_of: Callable[[Candidate], Label]) -> Table:
        """Return how many images of each split have each value: a class number, or the places of a list's ones."""
        table = {}
        for split, own in self.splits.items():
            values = [value_of(self.found.candidates[name]) for name in own]
            places = (
                p for v in values for p in ([v] if isinstance(v, int) else [i for i, x in enumerate(v or ()) if x])
            )
            table[split] = dict(zip(names, np.bincount([*places], minlength=len(names)).tolist(), strict=True))
        return table


@dataclass(kw_only=True)
class Source(Options, ABC):
    """A data set: its options (the fields), and how its files are found, checked and written.

    :meth:`write` is called in several threads; all other methods in one.
    """

    key: ClassVar[str]
    """The name of the command, and the manifest's ``source``."""
    bundle: ClassVar[str]
    """The one that the end names for pretraining."""
    advice: ClassVar[str] = (
        "Give all folders with --images and the labels that belong to them, or allow a larger share with "
        "--max-missing (1 = any)."
    )
    """The next step where too much is missing."""
    all_lines_needed: ClassVar[bool] = False
    """A line of a given split that stands for no image counts as missing; else it may speak of more than is here."""
    written_in_8_bits: ClassVar[bool] = False
    """Whatever the raw file has."""

    @abstractmethod
    def find(self) -> Found:
        """List the files and match them with labels, without reading a pixel.

        Raises:
            DatasetError: a table or folder cannot be used.
        """

    @abstractmethod
    def write(self, candidate: Candidate, target: Path) -> Written:
        """Read and check one file and write one image; the file appears whole or not at all.

        Raises:
            Refused: the image is left out; the text is the reason.
            DatasetError: the whole preparation cannot go on.
            OSError: ``target`` cannot be written.
        """

    def folders(self) -> Sequence[str]:
        """Where the raw files are: ``--out`` is refused there."""
        return getattr(self, "images", ())

    def splitter(self) -> Splitter:
        """Where the split comes from."""
        return Splitter(self, without="without --split-csv")

    def listed(self, line: str) -> str:
        """Return the name or patient that a line of a given split means; of an own set, a hash of it."""
        return line

    def settings(self) -> dict[str, Any]:
        """What decides which images are written and how: an interrupted preparation goes on only with the same."""
        return {}

    def leave_out(self, notes: Mapping[str, Note]) -> Exclusions:
        """Return what is left out after all are written, by reason."""
        return {}

    def lines(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """Give lines for the console about the pictures, after all are written."""
        yield from ()

    def extra_files(self, outcome: Outcome) -> None:
        """Write further files to the dataset folder."""

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """Return what the manifest is to hold beside that of all sources."""
        return {}

    def print_end(self, outcome: Outcome) -> None:
        """Say how many images there are of what, and what comes next."""
        print_table(outcome.images_with(), outcome.splits)
        print_left_out(outcome.exclusions)
        print_next(self.bundle, self.out)

    def check_left_out(self, exclusions: Mapping[str, Sequence[str]], total: int) -> None:
        """Stop where more of ``total`` candidates are left out than allowed; called again for each more.

        Raises:
            DatasetError: there are more.
        """
        check_left_out(exclusions, total, self.max_missing, self.advice)

    def run(self) -> int:
        """Prepare the folder; what the command line calls."""
        prepare(self)
        return FINISHED


@contextmanager
def refused_if_unreadable() -> Iterator[None]:
    """Turn the reader's errors into :class:`Refused`; those that end the preparation pass."""
    try:
        yield
    except DatasetError:
        raise
    except OSError as error:  # its text would hold the path
        raise Refused(UNREADABLE + (error.strerror or type(error).__name__)) from None
    except ValueError as error:  # says what is wrong with the picture
        raise Refused(UNREADABLE + str(error)) from None


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
    flow = _Flow(found, exclusions)
    splitter.draw({name: given[name] for name in usable}, patient_of, balance_of)  # too few patients: known at once

    options = {"source": source.key, **source.settings(), **splitter.options, "seed": source.seed}
    with opened_folder(out, options) as record:
        for folder in {out, *((out / candidate.target).parent for candidate in usable.values())}:
            remove_leftovers(folder)
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
        if not any(splits[split] for split in ("training", "pretraining") if split in splits):
            raise DatasetError("no training image is left; check --images and the split.")
        flow.step("Looked over", exclusions)
        items = {split: [_item(candidates[name]) for name in names] for split, names in splits.items()}
        audit = audit_datalist(unwritten_datalist(out, found.title, found.labels, items), workers=source.workers)
        for reason, names in found.left_out.items():
            exclusions[reason] += names
        outcome = Outcome(out, found, notes, splits, dict(exclusions), repeats)
        source.extra_files(outcome)
        two_labels = [own for own in repeats if len({str(balance_of[name]) for name in own}) > 1]
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
        account = Account(
            title=found.title,
            source=source.key,
            flow=flow.steps,
            splits=count_splits(items),
            labels=count_labels(items, found.labels),
            groups=count_groups(items),
            histograms=_by_vendor(outcome, histograms),
            grey_levels=_grey_levels(outcome),
            duplicates={
                "exact copies left out": len(exclusions.get(REPEATED, ())),
                "pictures that occur more than once": len(repeats),
                **{f"near-identical pairs between {splits}": n for splits, n in audit.near.items()},
            },
            decisions=found.decisions,
            identity=found.identity,
            options=options,
            versions=decoder_versions(),
            seed=source.seed,
            datalist_sha256=datalist_sha256,
            identified=found.identified,
        )
        if source.report:
            _write_report(account, outcome)
    print(audit.text())
    if repeats:
        print(
            f"pictures that occur more than once: {len(repeats)}, in {sum(map(len, repeats))} files; "
            f"{len(two_labels)} of them with different labels (listed in manifest.json)"
        )
    source.print_end(outcome)
    return account


def _balance(candidates: Mapping[str, Candidate]) -> dict[str, int | list[int]]:
    """What an own split keeps equally frequent; an unlabelled image counts as one without any finding."""
    balance = {}
    for name, candidate in candidates.items():
        value = candidate.label if candidate.balance is None else candidate.balance
        balance[name] = value if isinstance(value, int) else [int(bool(one)) for one in value or ()]
    longest = max((len(value) for value in balance.values() if isinstance(value, list)), default=0)
    kinds = {type(value) for value in balance.values() if value != []}
    return {name: ([0] * longest if list in kinds else -1) if value == [] else value for name, value in balance.items()}


def _item(candidate: Candidate) -> dict[str, Any]:
    label = list(candidate.label) if isinstance(candidate.label, Sequence) else candidate.label
    item = {"image": candidate.target, "label": label, "patient": candidate.patient, **candidate.columns}
    if candidate.vendor:
        item["vendor"] = candidate.vendor  # the report counts it; the datalist has it where it is one of the columns
    return item if label is not None else {key: value for key, value in item.items() if key != "label"}


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
        print(f"{len(candidates) - len(todo)} images are finished already, {len(todo)} are left")

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


class _Flow:
    """Counts the files from station to station, by what each leaves out."""

    def __init__(self, found: Found, exclusions: Exclusions) -> None:
        files = {name for name, candidate in found.candidates.items() if candidate.source}
        left_out = {reason: len(names) for reason, names in found.left_out.items()}
        if found.others:
            left_out["not an image that is wanted"] = found.others
        first = Step("Found", len(files) + sum(left_out.values()), left_out)
        self.steps = list(found.flow) or [first]
        self._before: dict[str, int] = {}
        known = {reason: [name for name in names if name in files] for reason, names in exclusions.items()}
        self.step("Taken into a split", known)
        self._before = {reason: len(names) for reason, names in exclusions.items()}

    def step(self, name: str, exclusions: Mapping[str, Sequence[str]]) -> None:
        """Add a station: what is in ``exclusions`` since the last one was left out there."""
        more = {reason: len(names) - self._before.get(reason, 0) for reason, names in exclusions.items()}
        self.steps.append(Step(name, self.steps[-1].passed, {reason: n for reason, n in more.items() if n}))
        self._before = {reason: len(names) for reason, names in exclusions.items()}


def _by_vendor(outcome: Outcome, histograms: Mapping[str, Histogram]) -> dict[str, list[float]]:
    """The mean histogram of each vendor's images; those that were finished before are read again."""
    own: dict[str, list[Histogram]] = defaultdict(list)
    for names in outcome.splits.values() if histograms else ():
        for name in names:
            candidate = outcome.found.candidates[name]
            known = histograms.get(name)
            greys = histogram(read_image(outcome.folder / candidate.target)) if known is None else known
            own[candidate.vendor or NOT_KNOWN].append(greys)
    return {vendor: np.mean(greys, 0).tolist() for vendor, greys in sorted(own.items())}


def _grey_levels(outcome: Outcome) -> dict[str, dict[str, int]]:
    """Images by vendor and band of the number of grey levels in the raw file, where the notes tell it."""
    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name in (name for names in outcome.splits.values() for name in names):
        note = outcome.notes[name]
        if isinstance(note, dict) and "levels" in note:
            counted[outcome.found.candidates[name].vendor or NOT_KNOWN][grey_band(note["levels"])] += 1
    return {vendor: dict(bands) for vendor, bands in sorted(counted.items())}


def _write_report(account: Account, outcome: Outcome) -> None:
    from data_prep.html_report import Picture, write_report  # not for every preparation

    candidates = outcome.found.candidates
    pictures = [
        Picture(outcome.folder / candidates[name].target, name, split, candidates[name].vendor)
        for split, names in outcome.splits.items()
        for name in names
    ]
    write_report(account, pictures, outcome.folder / REPORT_NAME)
