"""The columns that are handed on of each image, with what must be decided of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_prep.inhouse.bands import OTHER, banded
from data_prep.inhouse.covariates import DIGITS
from data_prep.inhouse.drafts import Draft
from monai_mocoi.data.columns import is_age


@dataclass(frozen=True)
class HandedOn:
    """Columns without rare values."""

    of_image: dict[str, dict[str, Any]]  # by name; what is not known is left out
    kinds: dict[str, list[str]]  # sorted names of the columns of "ages", of other "numbers", and of "words"
    decisions: list[str]  # sentences for the report

    @property
    def columns(self) -> list[str]:
        """Their names, in their order."""
        return list(dict.fromkeys(column for own in self.of_image.values() for column in own))

    def sentences(self, rare: int) -> Iterator[str]:
        """Say in the report what was made coarser."""
        ages, numbers, words = (", ".join(self.kinds[kind]) for kind in ("ages", "numbers", "words"))
        if ages:
            yield f"Ages of 90 and more are 90 (columns: {ages})."
        if numbers:
            yield f"Numbers were rounded to {DIGITS} significant digits, and nothing else (columns: {numbers})."
        if words and rare > 1:
            yield f'Words of fewer than {rare} patients in a column are "{OTHER}" or left out (columns: {words}).'


def hand_on(drafts: Sequence[Draft], covariates: Sequence[str], site: Callable[[str], str], rare: int) -> HandedOn:
    """Gather the columns of all images, values of fewer than ``rare`` patients put together.

    ``covariates`` are columns of the table; ``site`` makes the code of a site's name.
    """
    columns: dict[str, dict[str, Any]] = {}
    for draft in drafts:
        for column, value in draft.columns(covariates, site).items():
            columns.setdefault(column, {})[draft.name] = value
    kinds = _kinds(columns)
    columns, merged = banded(columns, {draft.name: draft.patient for draft in drafts}, rare)
    decisions = []
    if numbers := kinds["numbers"]:
        decisions.append(
            f"The columns {', '.join(numbers)} hold numbers that are handed on. Does none of them tell who it is, "
            "and is none an age? (Ages above 89 become 90 where the name of the column says age, Alter, edad ...)"
        )
    for column, count in sorted(merged.items()):
        fate = (
            f'are together "{OTHER}"'
            if OTHER in columns[column].values()
            else f"were taken out, and count as not known: together too, they have fewer than {rare}"
        )
        decisions.append(f"{count} values of the column {column} with fewer than {rare} patients {fate}.")
    of_image: dict[str, dict[str, Any]] = {draft.name: {} for draft in drafts}
    for column, values in columns.items():
        for name, value in values.items():
            if value is not None:
                of_image[name][column] = value
    return HandedOn(of_image, kinds, decisions)


def _kinds(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {"ages": [], "numbers": [], "words": []}
    for name, values in sorted(columns.items()):
        numbers = all(isinstance(value, int | float) for value in values.values() if value is not None)
        kinds["ages" if is_age(name) else "numbers" if numbers else "words"].append(name)
    return kinds
