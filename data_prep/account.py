"""The account of a preparation: every file from found to used, and what is in the dataset folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


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
    """Plain values that :func:`~data_prep.pipeline.prepare` fills and ``html_report`` shows.

    It is handed to people outside: no value may name a patient, a file, an id, a UID, an accession number or a date of
    a study. Numbers are exact; the report hides what is too small to be shown. Numbers that do not add up are a
    ValueError that names the station: a report must account for every file.
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
    # Vendor -> band of distinct grey levels in the raw file (data_prep.counts.GREY_BANDS) -> images.
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
    made: str | None = (
        None  # day of preparation, "2026-11-30"; None: not shown, so the same input gives the same report
    )

    def __post_init__(self) -> None:
        if not self.flow:
            raise ValueError("flow has no station; it begins with the files found.")
        for before, after in zip(self.flow, self.flow[1:], strict=False):
            if before.passed != after.entered:
                raise ValueError(f"{before.passed} pass {before.name!r}, but {after.entered} enter {after.name!r}.")
        used = sum(count.images for count in self.splits.values())
        if self.flow[-1].passed != used:
            raise ValueError(f"{self.flow[-1].passed} pass {self.flow[-1].name!r}, but the splits hold {used} images.")
