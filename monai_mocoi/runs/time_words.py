"""Times and rates in words."""

from __future__ import annotations


def about(seconds: float) -> str:
    """A time in the largest unit of which there are two."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} s"


def short_rate(rate: float) -> str:
    """Without digits that mean nothing."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
