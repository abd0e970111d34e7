"""The stations of an export's files from found to candidate: which files are left out where, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from data_prep.account import Step


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
