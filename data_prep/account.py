"""The account of a preparation: every file from found to used, and images and patients by split, label and group."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from monai_mocoi.data.ages import Value
from monai_mocoi.data.columns import item_columns
from monai_mocoi.data.levels import NoLevels, column_levels


class Count(NamedTuple):
    """The number of images of a cell of a table, and of their patients."""

    images: int
    patients: int


class Step(NamedTuple):
    """One station on the way of the files."""

    name: str  # what is done there, in a few words: "Looked at by content", "Matched with the table"
    entered: int  # files or images that come to it
    left_out: Mapping[str, int]  # reason -> number of those that go no further
    more: int = 0  # images that it adds: the frames of a file except its first

    @property
    def passed(self) -> int:
        """How many go on to the next station."""
        return self.entered + self.more - sum(self.left_out.values())


@dataclass(frozen=True)
class Account:
    """What the report shows people outside: no value may name a patient, a file, an id, a UID or a date of a study.

    Numbers are exact; the report hides what is too small to be shown. Numbers that do not add up are a ValueError that
    names the station: a report must account for every file.
    """

    title: str  # of the data set, as the user named it
    source: str  # kind of source: "inhouse", "nih", ...
    flow: Sequence[Step]  # from the files found to the images used; as many pass the last one as the splits hold
    splits: Mapping[str, Count]  # in the order of the datalist
    # Label -> split -> "positive", "negative" or "unknown" -> count. Of one class an image: "positive" are the images
    # of a class, "negative" those of the others. Empty without labels.
    labels: Mapping[str, Mapping[str, Mapping[str, Count]]] = field(default_factory=dict)
    # Column ("view", "sex", ...) -> value (ages in bands; "not known") -> split -> count.
    groups: Mapping[str, Mapping[str, Mapping[str, Count]]] = field(default_factory=dict)
    # Vendor -> share of pixels in 64 equal steps from 0 (black) to 1 (white), mean over its images. Empty: not made.
    histograms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    # Vendor -> band of distinct grey levels in the raw file (data_prep.account.GREY_BANDS) -> images.
    grey_levels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    # What was found -> number: "left out: <reason>", "near-identical pairs between training and test".
    duplicates: Mapping[str, int] = field(default_factory=dict)
    decisions: Sequence[str] = ()  # sentences, what the user must decide or confirm; no HTML
    identity: Sequence[str] = ()  # sentences, how patients are protected
    options: Mapping[str, Any] = field(default_factory=dict)  # as in the manifest
    versions: Mapping[str, str] = field(default_factory=dict)  # of packages
    seed: int = 0
    datalist_sha256: str = ""  # the dataset hash that runs write down
    identified: bool = False  # the folder refers to originals, so it holds patients' identity

    def __post_init__(self) -> None:
        if not self.flow:
            raise ValueError("flow has no station; it begins with the files found.")
        for before, after in zip(self.flow, self.flow[1:], strict=False):
            if before.passed != after.entered:
                raise ValueError(f"{before.passed} pass {before.name!r}, but {after.entered} enter {after.name!r}.")
        used = sum(count.images for count in self.splits.values())
        if self.flow[-1].passed != used:
            raise ValueError(f"{self.flow[-1].passed} pass {self.flow[-1].name!r}, but the splits hold {used} images.")


Items = Mapping[str, Sequence[Mapping[str, Any]]]  # of each split, as in the datalist
Table = dict[str, dict[str, Count]]  # row -> split -> count

POSITIVE, NEGATIVE, UNKNOWN = LABEL_VALUES = ("positive", "negative", "unknown")
KNOWN, NOT_KNOWN = "known", "not known"
GREY_BANDS = {  # most levels of a band -> its name
    63: "fewer than 64",
    256: "64 to 256",
    1024: "257 to 1,024",
    4096: "1,025 to 4,096",
    math.inf: "more than 4,096",
}


def count_splits(items: Items) -> dict[str, Count]:
    """Return the images and patients of each split."""
    return {split: Count(len(own), len({item["patient"] for item in own})) for split, own in items.items()}


def count_labels(items: Items, labels: Sequence[str]) -> dict[str, dict[str, dict[str, Count]]]:
    """Return the images and patients with each value of each label: label -> split -> :data:`LABEL_VALUES` -> count."""
    counted = {}
    for place, name in enumerate(labels):
        values = (_value(item.get("label"), place) for own in items.values() for item in own)
        table = _table(items, LABEL_VALUES, values)
        counted[name] = {split: {value: table[value][split] for value in LABEL_VALUES} for split in items}
    return counted


def count_groups(items: Items) -> dict[str, Table]:
    """Return the images and patients with each value of each column: column -> value -> split -> count.

    Ages come in bands. A column of other numbers or of more than 20 words could name a patient: it has only "known".
    """
    groups = {}
    for column, values in item_columns([item for own in items.values() for item in own]).items():
        names, words = _words(column, values)
        groups[column] = _table(items, [name for name in (*names, NOT_KNOWN) if name in set(words)], words)
    return groups


def _words(column: str, values: Sequence[Value]) -> tuple[Sequence[str], list[str]]:
    """The names of a column's groups in their order, and the group of each value."""
    try:
        levels = column_levels(column, values)
        if levels.kind != "quartiles":  # whose edges are values of single patients
            return levels.names, [NOT_KNOWN if place < 0 else levels.names[place] for place in levels.index]
    except NoLevels:
        own = {value for value in values if value is not None}
        if len(own) == 1 and isinstance(word := next(iter(own)), str):
            return (word,), [NOT_KNOWN if value is None else word for value in values]
    return (KNOWN,), [NOT_KNOWN if value is None else KNOWN for value in values]


def _value(label: Any, place: int) -> str:
    """The value of the label at ``place``, from an item's ``label``."""
    own = label[place] if isinstance(label, list | tuple) else None if label is None else int(label == place)
    return UNKNOWN if own is None else POSITIVE if own else NEGATIVE


def _table(items: Items, rows: Iterable[str], words: Iterable[str]) -> Table:
    """Count the items of each split by word, all splits' words in one row."""
    images = {row: dict.fromkeys(items, 0) for row in rows}
    patients: dict[str, dict[str, set[str]]] = {row: {split: set() for split in items} for row in images}
    places = ((split, item["patient"]) for split, own in items.items() for item in own)
    for (split, patient), word in zip(places, words, strict=True):
        images[word][split] += 1
        patients[word][split].add(patient)
    return {row: {s: Count(n, len(patients[row][s])) for s, n in own.items()} for row, own in images.items()}


def grey_band(levels: int) -> str:
    """Name the band of a number of distinct grey levels: 8 bits have 256, 12 bits 4,096."""
    return next(name for most, name in GREY_BANDS.items() if levels <= most)
