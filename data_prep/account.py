"""What a preparation tells of itself: every file from found to used, and what is in the dataset folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Count(NamedTuple):
    """Of how many images of how many patients a cell of a table speaks."""

    images: int
    patients: int


class Step(NamedTuple):
    """One station on the way of the files.

    Attributes:
        name: what is done there, in a few words: "Looked at by content", "Matched with the table".
        entered: files or images that come to it.
        left_out: reason -> number of those that go no further.
        more: images that it adds: the frames of a file but for its first. The next station is entered by
            ``entered + more - sum(left_out)``.
    """

    name: str
    entered: int
    left_out: Mapping[str, int]
    more: int = 0

    @property
    def passed(self) -> int:
        """How many go on to the next station."""
        return self.entered + self.more - sum(self.left_out.values())


@dataclass(frozen=True)
class Account:
    """Plain values that :func:`~data_prep.pipeline.prepare` fills and ``html_report`` shows.

    It is handed to people outside: no value may name a patient, a file, an id, a UID, an accession number or a date of
    a study. Numbers are exact; what is too small to be shown is hidden by the report.

    Attributes:
        title: of the data set, as the user named it.
        source: kind of source: "inhouse", "nih", ...
        flow: the stations in their order, from the files found to the images used. The last one's ``passed`` is the
            number of images in the splits.
        splits: split -> its images and patients, in the order of the datalist.
        labels: label -> split -> value -> count. Values: "positive", "negative", "unknown". Of one class an image: each
            class by name, "positive" its images, "negative" those of another class. Empty without labels.
        groups: column ("view", "vendor", "site", "sex", "age", ...) -> value (ages in bands) -> split -> count. Images
            of which it is not known count under "not known".
        histograms: vendor -> 64 numbers with sum 1: the share of pixels in 64 equal steps from 0 (black) to 1 (white),
            mean over its images. Empty: not made.
        grey_levels: vendor -> band of distinct grey levels in the source (:data:`~data_prep.counts.GREY_BANDS`) ->
            images.
        duplicates: what was found -> number: "left out: <reason>", "near-identical pairs between training and test".
        decisions: sentences, what the user must decide or confirm. No HTML.
        identity: sentences, what was done so that no patient can be told.
        options: name -> value, as in the manifest.
        versions: package -> version.
        seed: of whatever was drawn.
        datalist_sha256: of ``datalist.json``: the dataset hash that runs write down.
        identified: the folder refers to originals (``--in-place``), so it holds patients' identity.
        made: day of preparation, "2026-11-30"; None: not shown, and the same input gives the same report.

    Raises:
        ValueError: the numbers do not add up: a report must account for every file. Names the station.
    """

    title: str
    source: str
    flow: Sequence[Step]
    splits: Mapping[str, Count]
    labels: Mapping[str, Mapping[str, Mapping[str, Count]]] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Mapping[str, Count]]] = field(default_factory=dict)
    histograms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    grey_levels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    duplicates: Mapping[str, int] = field(default_factory=dict)
    decisions: Sequence[str] = ()
    identity: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    datalist_sha256: str = ""
    identified: bool = False
    made: str | None = None

    def __post_init__(self) -> None:
        if not self.flow:
            raise ValueError("flow has no station; it begins with the files found.")
        for before, after in zip(self.flow, self.flow[1:], strict=False):
            if before.passed != after.entered:
                raise ValueError(f"{before.passed} pass {before.name!r}, but {after.entered} enter {after.name!r}.")
        used = sum(count.images for count in self.splits.values())
        if self.flow[-1].passed != used:
            raise ValueError(f"{self.flow[-1].passed} pass {self.flow[-1].name!r}, but the splits hold {used} images.")
