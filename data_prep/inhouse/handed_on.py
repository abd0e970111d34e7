"""The columns that are handed on of each image, with what must be decided of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_prep.inhouse.bands import OTHER, banded
from data_prep.inhouse.covariates import DIGITS
from data_prep.inhouse.drafts import Draft
from monai_mocoi.data.ages import is_age


@dataclass(frozen=True)
class HandedOn:
    """Columns without rare values.

    Attributes:
        of_image: each image's own, by its name; what is not known is left out.
        kinds: names of the columns of "ages", of other "numbers", and of "words"; each sorted.
        decisions: sentences for the report.
    """

    of_image: dict[str, dict[str, Any]]
    kinds: dict[str, list[str]]
    decisions: list[str]

    @property
    def columns(self) -> list[str]:
        """Their names, in their order."""
        return list(dict.fromkeys(column for own in self.of_image.values() for column in own))

    def sentences(self, rare: int) -> Iterator[str]:
        """Tell what was made coarser, for the report.

        Args:
            rare: see :func:`hand_on`.
        """
        ages, numbers, words = (", ".join(self.kinds[kind]) for kind in ("ages", "numbers", "words"))
        if ages:
            yield f"Ages of 90 and more are 90 (columns: {ages})."
        if numbers:
            yield f"Numbers were rounded to {DIGITS} significant digits, and nothing else (columns: {numbers})."
        if words and rare > 1:
            yield f'Words of fewer than {rare} patients in a column are "{OTHER}" or left out (columns: {words}).'


def hand_on(drafts: Sequence[Draft], covariates: Sequence[str], site: Callable[[str], str], rare: int) -> HandedOn:
    """Gather the columns of all images, rare values put together.

    Args:
        drafts: the images.
        covariates: columns of the table.
        site: makes the code of a site's name.
        rare: patients that a value needs, see :func:`~data_prep.inhouse.bands.band_rare`.
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
    told: dict[str, dict[str, Any]] = {draft.name: {} for draft in drafts}
    for column, values in columns.items():
        for name, value in values.items():
            if value is not None:
                told[name][column] = value
    return HandedOn(told, kinds, decisions)


def _kinds(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {"ages": [], "numbers": [], "words": []}
    for name, values in sorted(columns.items()):
        numbers = all(isinstance(value, int | float) for value in values.values() if value is not None)
        kinds["ages" if is_age(name) else "numbers" if numbers else "words"].append(name)
    return kinds
