"""What a measurement gives: rows of figures, each with its median, its spread and, where there is one, its limit."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

DIGITS = 5  # that are kept of a value: more is noise


@dataclass(frozen=True)
class Figure:
    """The values of one quantity, one a round.

    Args:
        values: of each round, in their order; at least one.
        at_least, at_most: the limit that the median is to keep; None: no such limit.
    """

    values: tuple[float, ...]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        """Whether the median keeps the limits."""
        low = self.at_least is None or self.median >= self.at_least
        return low and (self.at_most is None or self.median <= self.at_most)

    def to_json(self) -> dict[str, Any]:
        """The figure as it is saved: median, spread, the value of each round, and the limits it has."""
        values = [shortened(value) for value in self.values]
        spread = {"median": shortened(self.median), "smallest": min(values), "largest": max(values), "rounds": values}
        limits = {"at_least": self.at_least, "at_most": self.at_most}
        return spread | {name: limit for name, limit in limits.items() if limit is not None}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Figure:
        """The figure that was saved."""
        return cls(tuple(saved["rounds"]), saved.get("at_least"), saved.get("at_most"))


@dataclass(frozen=True)
class Row:
    """One case of a measurement.

    Args:
        case: what was measured, in words.
        figures: by heading, such as ``ours, images/s``; the heading of a ratio says what is divided by what.
        skipped: why the case was not measured, in words; empty: it was.
    """

    case: str
    figures: dict[str, Figure] = field(default_factory=dict)
    skipped: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row as it is saved."""
        figures = {heading: figure.to_json() for heading, figure in self.figures.items()}
        return {"case": self.case} | ({"skipped": self.skipped} if self.skipped else {"figures": figures})

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Row:
        """The row that was saved."""
        figures = {heading: Figure.from_json(figure) for heading, figure in saved.get("figures", {}).items()}
        return cls(saved["case"], figures, saved.get("skipped", ""))


def shortened(value: float) -> float:
    """The value with as many digits as are kept."""
    return float(f"{value:.{DIGITS}g}")


def per_second(count: float, seconds: Sequence[float], **limits: float) -> Figure:
    """How many a second, of each round's seconds for ``count``; limits as for a figure."""
    return Figure(tuple(count / value for value in seconds), **limits)


def ratio(over: Sequence[float], under: Sequence[float], **limits: float) -> Figure:
    """``over`` / ``under`` of the two sides of each round, which took turns in one run; limits as for a figure."""
    return Figure(tuple(a / b for a, b in zip(over, under, strict=True)), **limits)
