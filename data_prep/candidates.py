"""Images on their way through a preparation: candidates, what was found and written, what was left out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_prep.account import Step
from data_prep.record import Note
from monai_mocoi.data.datalist import Datalist
from monai_mocoi.errors import DatasetError

MISSING = "no such file in --images"
MISSING_LINE = "in the given split, but not in --images"
NOT_IN_SPLIT = "not in the given split"
UNREADABLE = "unreadable: "

Exclusions = dict[str, list[str]]  # names of images by the reason why they are left out
Label = int | Sequence[int | None] | None  # a class; or 0, 1, None (not known) by finding; None: unlabelled
Table = dict[str, dict[str, int]]  # images by split and name of a label


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image that may be written."""

    name: str  # unique; all texts and records use it. A published file's name; of private images, a hash
    source: str  # path of the file that is read; empty if there is none, and its fault is MISSING
    target: str  # path of the image in the dataset folder, such as images/x.png
    patient: str
    label: Label
    columns: Mapping[str, str | int | float] = field(default_factory=dict)  # for the datalist: sex, age, view, site
    balance: Label = None  # what an own split keeps equally frequent; None: the label
    vendor: str = ""  # intensities are reported by vendor; empty where it is not known
    extra: Any = None  # anything that Source.write needs, such as the number of a frame; not written anywhere

    @property
    def balanced(self) -> Label:
        """What an own split keeps balanced, and by which identical pictures are compared."""
        return self.label if self.balance is None else self.balance

    def item(self) -> dict[str, Any]:
        """Return the image's item of the datalist, without a label where none is known."""
        item = {"image": self.target, "label": self.label, "patient": self.patient, **self.columns}
        if isinstance(self.label, Sequence):
            item["label"] = list(self.label)
        if self.vendor:
            item["vendor"] = self.vendor  # the report counts it; the datalist has it where it is one of the columns
        return item if self.label is not None else {key: value for key, value in item.items() if key != "label"}


@dataclass
class Found:
    """What a source knows before a pixel is read."""

    title: str  # of the data set, for the datalist
    labels: Sequence[str]  # names of the classes or findings
    candidates: dict[str, Candidate]  # by name, in the order in which they are to be written
    faults: dict[str, str] = field(default_factory=dict)  # why a candidate cannot be used; these count for max_missing
    left_out: Exclusions = field(default_factory=dict)  # what a rule of the source keeps out; counts for no limit
    columns: Sequence[str] = ()  # those keys of Candidate.columns that the datalist gets
    lines: Sequence[str] = ()  # for the console
    # Stations from the files found to the candidates that have a file. Empty: the files found, less others.
    flow: Sequence[Step] = ()
    others: int = 0  # number of files that are not candidates
    # By name, where the source decides the split (a site that is held out, patients for pretraining); others are drawn.
    splits: Mapping[str, str] = field(default_factory=dict)
    decisions: Sequence[str] = ()  # sentences for the report, as in Account
    identity: Sequence[str] = ()  # likewise
    identified: bool = False  # the dataset folder refers to the raw files


class Written(NamedTuple):
    """What :meth:`~data_prep.source.Source.write` has done."""

    # Outlasts an interruption: all that the source needs to know of the picture later. In a dictionary, "bits" is the
    # number of picture.picture_note, and "levels" that of distinct grey levels in the raw file.
    note: Note
    picture: NDArray[np.float32]  # (1 or 3, rows, columns) in 0..1: exactly what the reader makes of the written file


class Refused(Exception):  # of one picture: the preparation goes on
    """One image is left out; the text is the reason, the same for all images with that fault, without name and path."""


@dataclass
class Outcome:
    """The result of a preparation, for the source's last steps."""

    folder: Path
    found: Found
    notes: dict[str, Note]  # of each image that is written, by name
    splits: dict[str, list[str]]  # names, sorted
    exclusions: Exclusions
    repeats: list[list[str]]  # groups of names that show one picture

    @property
    def used(self) -> list[tuple[str, str, Candidate]]:
        """The split, name and candidate of each image that is used."""
        return [(split, name, self.found.candidates[name]) for split, own in self.splits.items() for name in own]

    def images_with(self) -> Table:
        """Return how many images each split has of each class, or with each finding."""
        return self.count(self.found.labels, lambda candidate: candidate.label)

    def count(self, names: Sequence[str], value_of: Callable[[Candidate], Label]) -> Table:
        """Return how many images of each split have each value: a class number, or the places of a list's ones."""
        table = {split: dict.fromkeys(names, 0) for split in self.splits}
        for split, _, candidate in self.used:
            value = value_of(candidate)
            for place in [value] if isinstance(value, int) else [i for i, x in enumerate(value or ()) if x]:
                table[split][names[place]] += 1
        return table


def unwritten_datalist(
    out: Path, name: str, labels: Sequence[str], items: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Datalist:
    """Return the datalist that is going to be written, for the audit; paths are relative to ``out``."""
    resolved: dict[str, Any] = {
        split: [{**item, "image": str(out / item["image"]), "name": item["image"]} for item in own]
        for split, own in items.items()
    }
    return Datalist(name=name, labels=tuple(labels), folder=out, sha256="", **resolved)


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
