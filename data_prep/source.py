"""What a data set is to the preparation: its options, and how its files are found, checked and written.

See :mod:`data_prep.pipeline` for what is done with it, and docs/new_source.md for a whole example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_prep.account import Step
from data_prep.checks import check_left_out
from data_prep.last_steps import print_next
from data_prep.options import Options
from data_prep.record import Note
from data_prep.splitter import Splitter
from data_prep.summary import print_left_out, print_table
from monai_mocoi.errors import DatasetError
from monai_mocoi.exit_codes import FINISHED

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


def label_of(candidate: Candidate) -> Label:
    """Return what an own split keeps balanced, and by which identical pictures are compared."""
    return candidate.label if candidate.balance is None else candidate.balance


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
            dictionary, ``bits`` is the number of :func:`~data_prep.picture_notes.picture_note`, and ``levels`` that of
            distinct grey levels in the raw file, for the report.
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
    public: ClassVar[bool] = True
    """Names and paths of files are public. Else errors repeat neither them nor the words of a wrong command, and images
    of files that have left the raw folder since are deleted from the dataset folder."""
    advice: ClassVar[str] = (
        "Give all folders with --images and the labels that belong to them, or allow a larger share with "
        "--max-missing (1 = any)."
    )
    """The next step where too much is missing."""
    all_lines_needed: ClassVar[bool] = False
    """A line of a given split that stands for no image counts as missing; else it may speak of more than is here."""
    written_in_8_bits: ClassVar[bool] = False
    """Whatever the raw file has."""
    copies: ClassVar[Sequence[str]] = ()
    """The reasons of :meth:`find` and :meth:`leave_out` that stand for copies of a picture, for the report."""

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
        """What decides which images are written and how; asked for after :meth:`find`.

        An interrupted preparation goes on only with the same. They stand in record, manifest and report.
        """
        return {}

    def secret(self) -> bytes:
        """Return a key for what the record keeps of the raw files, where their paths name patients; empty: none."""
        return b""

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
        from data_prep.pipeline import prepare  # which is written for sources: not the other way round

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
