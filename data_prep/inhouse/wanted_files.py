"""Choose the files of an export that are wanted: by content, by header, and each SOP instance once."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from data_prep.account import Step
from data_prep.candidates import UNREADABLE
from data_prep.inhouse.copies import repeated_instances
from data_prep.inhouse.export_tree import ExportFile
from data_prep.inhouse.header_filter import check_any_wanted, why_unwanted
from data_prep.inhouse.sentences import reasons
from data_prep.inhouse.source_options import InhouseOptions
from data_prep.inhouse.survey import CLOSED, Seen
from data_prep.source import check_left_out
from monai_mocoi.errors import DatasetError


class Stations:
    """Counts files from station to station; every file is either left or in one of the stations' reasons.

    At the first station also those are left out that cannot be read (``before``: reason -> number).
    """

    def __init__(self, entered: int, before: Mapping[str, int]) -> None:
        self.steps: list[Step] = []
        self.left_out: dict[str, list[int]] = {}  # positions by reason, over all stations
        self.left = list(range(entered))  # positions of the files that are still on their way, in order
        self._before = dict(before)

    def leave(self, name: str, reasons: Mapping[int, str]) -> None:
        """Add a station; ``reasons`` says by position why a file goes no further."""
        entered = len(self.left) + sum(self._before.values())
        counts = Counter(self._before)
        self._before = {}
        for place in (place for place in self.left if place in reasons):
            self.left_out.setdefault(reasons[place], []).append(place)
            counts[reasons[place]] += 1
        self.left = [place for place in self.left if place not in reasons]
        self.steps.append(Step(name, entered, dict(sorted(counts.items()))))

    def add(self, name: str, more: int) -> None:
        """Add a station at which files become several images."""
        self.steps.append(Step(name, len(self.left), {}, more))


NOT_REFERABLE = "several frames in one file (--in-place refers to files of one picture)"


def choose_files(
    stations: Stations, seen: Sequence[Seen], options: InhouseOptions, tell: Callable[[ExportFile, str], str]
) -> dict[str, list[str]]:
    """Leave out what is not wanted; return the keys of copies, by that of the file that stays.

    ``tell`` writes down that a file is left out, and returns its pseudonym. Filters that leave no DICOM picture are a
    RefusedError; too many damaged pictures, or no wanted file, a DatasetError.
    """
    stations.leave("Looked at by content", {p: own.fault for p, own in enumerate(seen) if own.fault is not None})
    _check_damaged(stations, seen, options, tell)
    headers = {p: header for p in stations.left if (header := seen[p].header) is not None}
    check_any_wanted(headers.values(), options)
    unwanted = {p: why for p, header in headers.items() if (why := why_unwanted(header, options))}
    if options.in_place:
        several = {p: NOT_REFERABLE for p, header in headers.items() if header.frames > 1}
        unwanted = {**several, **unwanted}
    stations.leave("Chosen by header", unwanted)
    came = list(stations.left)
    repeated = repeated_instances([seen[p] for p in came])
    copies: dict[str, list[str]] = {}
    for copy, stays in repeated.kept.items():
        copies.setdefault(seen[came[stays]].file.key, []).append(seen[came[copy]].file.key)
    stations.leave("Each instance once", {came[place]: why for place, why in repeated.left_out.items()})
    if not stations.left:
        raise DatasetError(f"none of {len(seen)} files is an image that is wanted: {reasons(stations.left_out)}.")
    return copies


def _check_damaged(
    stations: Stations, seen: Sequence[Seen], options: InhouseOptions, tell: Callable[[ExportFile, str], str]
) -> None:
    """Stop where too many pictures cannot be read by their headers already; the same limit as for pixels."""
    damaged = {why: own for why, own in stations.left_out.items() if why == CLOSED or why.startswith(UNREADABLE)}
    bad = sum(map(len, damaged.values()))
    if bad > options.max_missing * (len(stations.left) + bad):
        names = {why: [tell(seen[p].file, why) for p in own] for why, own in damaged.items()}
        check_left_out(names, len(stations.left) + bad, options.max_missing, options.advice)
