"""The account of a preparation, filled from what came out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.account import Account, Count, Step
from data_prep.counts import NEGATIVE, NOT_KNOWN, POSITIVE, Items, count_groups, count_labels, count_splits, grey_band
from data_prep.histogram import Histogram, histogram
from data_prep.repeated_pictures import REPEATED
from data_prep.source import MISSING, MISSING_LINE, Exclusions, Found, Outcome, Source
from monai_mocoi.data.audit_report import AuditReport
from monai_mocoi.data.pixel_versions import decoder_versions
from monai_mocoi.transforms.reader import read_image

REPORT_NAME = "report.html"
SCORED_FROM = 25
"""Images with and without a label that evaluation asks for: the default of its ``min_positives``."""


def make_account(
    source: Source,
    outcome: Outcome,
    items: Items,
    options: Mapping[str, Any],
    audit: AuditReport,
    flow: Flow,
    histograms: Mapping[str, Histogram],
    datalist_sha256: str,
) -> Account:
    """Return the account.

    Args:
        source: what was prepared.
        outcome: what came out.
        items: the datalist's, by split.
        options: those of the manifest.
        audit: of the finished lists.
        flow: the stations of all files.
        histograms: of the images written just now, by name; empty: no report is wanted.
        datalist_sha256: of the list that was written.
    """
    found = outcome.found
    labels = count_labels(items, found.labels)
    return Account(
        title=found.title,
        source=source.key,
        flow=flow.steps,
        splits=count_splits(items),
        labels=labels,
        groups=count_groups(items),
        histograms=_mean_histograms(outcome, histograms) if source.report else {},
        grey_levels=_grey_levels(outcome),
        duplicates={
            **{f"left out: {why}": len(outcome.exclusions.get(why, ())) for why in (*source.copies, REPEATED)},
            f"{'other ' * bool(source.copies)}pictures that occur more than once": len(outcome.repeats),
            **{f"near-identical pairs between {pair}": number for pair, number in audit.near.items()},
        },
        decisions=[*found.decisions, *_without_file(outcome), *_few_in_test(labels)],
        identity=found.identity,
        options=options,
        versions=decoder_versions(),
        seed=source.seed,
        datalist_sha256=datalist_sha256,
        identified=found.identified,
    )


def _without_file(outcome: Outcome) -> Iterator[str]:
    """What the labels or a given split name, but is in no folder: it is no file, so the flow cannot tell of it."""
    if missing := len(outcome.exclusions.get(MISSING, ())):
        yield f"{missing} images have labels, but no file. Are all folders given?"
    if missing := len(outcome.exclusions.get(MISSING_LINE, ())):
        yield f"{missing} lines of the given split stand for no file. Are all folders given?"


def _few_in_test(labels: Mapping[str, Mapping[str, Mapping[str, Count]]]) -> Iterator[str]:
    """Which labels evaluation will not score, told while more images can still be had."""
    few = [
        name
        for name, splits in labels.items()
        if "test" in splits and min(splits["test"][POSITIVE].images, splits["test"][NEGATIVE].images) < SCORED_FROM
    ]
    if few:
        yield (
            f"Of {', '.join(few)} the test split has fewer than {SCORED_FROM} images with it, or without it: "
            "evaluation gives it no number by default. Can more images be had, or does a larger --test-fraction help?"
        )


class Flow:
    """Counts the files from station to station, by what each leaves out."""

    def __init__(self, found: Found, exclusions: Exclusions) -> None:
        files = {name for name, candidate in found.candidates.items() if candidate.source}
        left_out = {reason: len(names) for reason, names in found.left_out.items()}
        if found.others:
            left_out["not named in the labels"] = found.others
        first = Step("Files found", len(files) + sum(left_out.values()), left_out)
        self.steps = list(found.flow) or [first]
        self._before: dict[str, int] = {}
        known = {reason: [name for name in names if name in files] for reason, names in exclusions.items()}
        self.step("Matched with labels and split", known)
        self._before = {reason: len(names) for reason, names in exclusions.items()}

    def step(self, name: str, exclusions: Mapping[str, Sequence[str]]) -> None:
        """Add a station: what is in ``exclusions`` since the last one was left out there."""
        more = {reason: len(names) - self._before.get(reason, 0) for reason, names in exclusions.items()}
        self.steps.append(Step(name, self.steps[-1].passed, {reason: n for reason, n in more.items() if n}))
        self._before = {reason: len(names) for reason, names in exclusions.items()}


def _mean_histograms(outcome: Outcome, histograms: Mapping[str, Histogram]) -> dict[str, list[float]]:
    """The mean histogram of each vendor's images; those that were finished before are read again."""
    own: dict[str, list[Histogram]] = defaultdict(list)
    for names in outcome.splits.values():
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


def write_outcome_report(account: Account, outcome: Outcome) -> None:
    """Write the account as ``report.html`` into the dataset folder."""
    from data_prep.html_report import Picture, write_report  # not for every preparation

    candidates = outcome.found.candidates
    pictures = [
        Picture(outcome.folder / candidates[name].target, name, split, candidates[name].vendor)
        for split, names in outcome.splits.items()
        for name in names
    ]
    write_report(account, pictures, outcome.folder / REPORT_NAME)
