"""Which counts of a table are too small to be shown to people outside: a few patients could be told by them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

LEAST = 5
"""Patients; a cell of fewer (but not of none) is hidden, as statistical offices do."""

Key = TypeVar("Key", bound=Hashable)


def hidden_cells(patients: Mapping[Key, int], least: int = LEAST) -> tuple[set[Key], set[Key]]:
    """Choose the cells to hide of a row or column whose sum is known.

    Where one cell alone is hidden, the sum gives it away. So the next smallest cells are hidden too, until at least two
    are, of at least ``least`` patients together (Hundepool et al., *Statistical Disclosure Control*, 2012, chapter 4).

    Args:
        patients: of each cell.
        least: a cell of fewer patients, but not of none, is small.

    Returns:
        the small cells, and those that are hidden because of them: each of these has at least ``least`` patients.
    """
    small = {key for key, number in patients.items() if 0 < number < least}
    also: set[Key] = set()
    for key in sorted((key for key in patients if patients[key] >= least), key=lambda key: patients[key]):
        hidden = small | also
        if not small or (len(hidden) > 1 and sum(patients[own] for own in hidden) >= least):
            break
        also.add(key)
    return small, also
