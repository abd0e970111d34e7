"""From the values of a column to the groups of images that are told apart: words as they are, numbers in bands."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.ages import Value, as_numbers, is_age
from monai_mocoi.errors import RefusedError

AGE_BANDS = (18, 40, 60, 80)
"""First year of each band but the first."""
MOST_WORDS = 20
"""A column of more words is no column of groups: ids, dates or free text."""
MOST_NUMBERS = 8
"""A column of more numbers, other than ages, is a quantity: cut at its quartiles. Fewer may be codes, as of sites."""


def few_numbers(name: str, numbers: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The distinct numbers of a column that may be codes, rising; None for ages and for more than 8. NaN: not known."""
    distinct = np.unique(numbers[np.isfinite(numbers)])
    return None if is_age(name) or len(distinct) > MOST_NUMBERS else distinct


class NoLevels(ValueError):
    """A column that makes no groups and is left out; the text says why."""


@dataclass(frozen=True)
class Levels:
    """Groups of images: ``names``, in order; ``index`` (n,) the group of each image, -1 where it is not known.

    ``kind`` is "values", "ages" or "quartiles".
    """

    names: tuple[str, ...]
    index: NDArray[np.int64]
    kind: str


def check_age_bands(age_bands: Sequence[float]) -> None:
    """Refuse bands of ages that are no rising numbers above 0, with a RefusedError."""
    numbers = all(isinstance(own, int | float) and not isinstance(own, bool) for own in age_bands)
    if not age_bands or not numbers or any(a >= b for a, b in zip((0, *age_bands), age_bands, strict=False)):
        raise RefusedError(
            f"age_bands is {list(age_bands)}; it must be rising years above 0, such as [18, 40, 60, 80]."
        )


def column_levels(name: str, values: Sequence[Value], age_bands: Sequence[float] = AGE_BANDS) -> Levels:
    """Group images by a column.

    Ages (see :func:`~monai_mocoi.data.is_age`) come in bands, with ``age_bands`` the first year of each band but the
    first. Other numbers, if there are more than 8, are cut at the quartiles of these very images. Words are groups as
    they are, in alphabetic order. Raises NoLevels: no value is known, all are the same, or there are over 20 words.
    """
    numbers = as_numbers(name, values)
    if numbers is None:
        return _of_words([None if value is None else str(value) for value in values])
    known = np.isfinite(numbers)
    distinct = few_numbers(name, numbers)
    if is_age(name):
        edges, kind = np.asarray(age_bands, dtype=np.float64), "ages"
        first, last = [f"under {edges[0]:g}"], [f"{edges[-1]:g} or more"]
        between = [f"{low:g} to under {high:g}" for low, high in pairwise(edges)]
        place = np.searchsorted(edges, numbers, side="right")
    elif distinct is None:
        edges, kind = np.unique(np.quantile(numbers[known], (0.25, 0.5, 0.75), method="inverted_cdf")), "quartiles"
        first, last = [f"up to {edges[0]:g}"], [f"above {edges[-1]:g}"]
        between = [f"above {low:g} to {high:g}" for low, high in pairwise(edges)]
        place = np.searchsorted(edges, numbers, side="left")
    else:
        return _numbered([f"{value:g}" for value in distinct], np.searchsorted(distinct, numbers), known, "values")
    return _numbered([*first, *between, *last], place, known, kind)


def _of_words(words: list[str | None]) -> Levels:
    names = sorted({word for word in words if word is not None})
    if len(names) > MOST_WORDS:
        raise NoLevels(f"it has {len(names)} different texts, more than {MOST_WORDS}")
    place = {name: number for number, name in enumerate(names)}
    index = np.array([-1 if word is None else place[word] for word in words], dtype=np.int64)
    return _numbered(names, index, index >= 0, "values")


def _numbered(names: list[str], place: NDArray[np.int64], known: NDArray[np.bool_], kind: str) -> Levels:
    """Number the groups that have images."""
    held = np.unique(place[known])
    if len(held) < 2:
        raise NoLevels("all images have the same value" if len(held) else "no value is known")
    index = np.where(known, np.searchsorted(held, place), -1)
    return Levels(tuple(names[own] for own in held), index.astype(np.int64), kind)
