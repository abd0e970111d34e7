"""Levels of the intervals that runs recorded, as a table tells them."""

from collections.abc import Iterable, Mapping
from typing import Any


def level_of(content: Mapping[str, Any]) -> float | None:
    """Of what a run recorded, a ``metrics.json`` or a part of an ``analysis.json``; None: it does not say."""
    level = (content.get("intervals") or content).get("level")
    return float(level) if isinstance(level, int | float) else None


def level_in_words(level: float) -> str:
    """``95 %``."""
    return f"{100 * level:g} %"


class Levels:
    """Those of a table: its header names the level where it is one, and else each interval its own."""

    def __init__(self, contents: Iterable[Mapping[str, Any]]) -> None:
        found = {level_of(content) for content in contents}
        self._one = found.pop() if len(found) == 1 else None

    @property
    def ci(self) -> str:
        """``95 % CI``, or ``CI``."""
        return "CI" if self._one is None else f"{level_in_words(self._one)} CI"

    @property
    def share(self) -> str:
        """``95 %``, or ``most``."""
        return "most" if self._one is None else level_in_words(self._one)

    def beside(self, content: Mapping[str, Any]) -> float | None:
        """The level to name beside an interval; None: the header does, or nobody knows it."""
        return level_of(content) if self._one is None else None
