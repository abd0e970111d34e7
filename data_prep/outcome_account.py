"""Fill the account of a preparation from its outcome."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from data_prep import account
from data_prep.account import Account, Items, Step
from data_prep.candidates import MISSING, MISSING_LINE, Exclusions, Found, Outcome
from data_prep.picture import Histogram, histogram
from data_prep.repeated_pictures import REPEATED
from data_prep.source import Source
from monai_mocoi.data.audit_report import AuditReport
from monai_mocoi.files.file_signature import decoder_versions
from monai_mocoi.transforms.reader import read_image

SCORED_FROM = 25
"""Images with and without a label that evaluation asks for: the default of its ``min_positives``."""


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
    """Return the account; histograms are those of the images written just now, by name."""
    found = outcome.found
    labels = account.count_labels(items, found.labels)
    return Account(
        title=found.title,
        source=source.key,
        flow=flow.steps,
        splits=account.count_splits(items),
        labels=labels,
        groups=account.count_groups(items),
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
    """What the labels or a given split name, but is in no folder: it is no file, so the flow cannot count it."""
    if missing := len(outcome.exclusions.get(MISSING, ())):
        yield f"{missing} images have labels, but no file. Are all folders given?"
    if missing := len(outcome.exclusions.get(MISSING_LINE, ())):
        yield f"{missing} lines of the given split stand for no file. Are all folders given?"


def _few_in_test(labels: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Which labels evaluation will not score, told while more images can still be had."""
    few = [
        name
        for name, splits in labels.items()
        if "test" in splits and min(splits["test"][value].images for value in ("positive", "negative")) < SCORED_FROM
    ]
    if few:
        yield (
            f"Of {', '.join(few)} the test split has fewer than {SCORED_FROM} images with it, or without it: "
            "evaluation gives it no number by default. Can more images be had, or does a larger --test-fraction help?"
        )


def _mean_histograms(outcome: Outcome, histograms: Mapping[str, Histogram]) -> dict[str, list[float]]:
    """The mean histogram of each vendor's images; those that were finished before are read again."""
    own: dict[str, list[Histogram]] = defaultdict(list)
    for _, name, candidate in outcome.used:
        known = histograms.get(name)
        greys = histogram(read_image(outcome.folder / candidate.target)) if known is None else known
        own[candidate.vendor or account.NOT_KNOWN].append(greys)
    return {vendor: np.mean(greys, 0).tolist() for vendor, greys in sorted(own.items())}


def _grey_levels(outcome: Outcome) -> dict[str, dict[str, int]]:
    """Images by vendor and band of the number of grey levels in the raw file, where the notes have it."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for _, name, candidate in outcome.used:
        note = outcome.notes[name]
        if isinstance(note, dict) and "levels" in note:
            counted[candidate.vendor or account.NOT_KNOWN][account.grey_band(note["levels"])] += 1
    return {vendor: dict(bands) for vendor, bands in sorted(counted.items())}
