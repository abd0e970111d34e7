"""Images and patients by split, label and group, from the items of a datalist."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_prep.account import Count
from monai_mocoi.data.ages import Value
from monai_mocoi.data.columns import item_columns
from monai_mocoi.data.levels import NoLevels, column_levels

Items = Mapping[str, Sequence[Mapping[str, Any]]]
"""Of each split, as they stand in the datalist."""
Table = dict[str, dict[str, Count]]
"""Row -> split -> count."""

POSITIVE, NEGATIVE, UNKNOWN = "positive", "negative", "unknown"
KNOWN, NOT_KNOWN = "known", "not known"
GREY_BANDS = {
    63: "fewer than 64",
    256: "64 to 256",
    1024: "257 to 1,024",
    4096: "1,025 to 4,096",
    math.inf: "more than 4,096",
}
"""Most levels of a band -> its name."""


def count_splits(items: Items) -> dict[str, Count]:
    """Return the images and patients of each split."""
    return {split: Count(len(own), len({item["patient"] for item in own})) for split, own in items.items()}


def count_labels(items: Items, labels: Sequence[str]) -> dict[str, dict[str, dict[str, Count]]]:
    """Return the images and patients with each value of each label.

    Args:
        items: with ``label``, a list of 1, 0 and None (not known) or a class's number; an item without one, or with
            None, is unknown of every label.
        labels: names of the findings or classes.

    Returns:
        label -> split -> "positive", "negative", "unknown" -> count; their images sum to those of the split.
    """
    values = (POSITIVE, NEGATIVE, UNKNOWN)
    counted = {}
    for place, name in enumerate(labels):
        table = _table(items, values, (_value(item.get("label"), place) for own in items.values() for item in own))
        counted[name] = {split: {value: table[value][split] for value in values} for split in items}
    return counted


def count_groups(items: Items) -> dict[str, Table]:
    """Return the images and patients with each value of each column.

    Ages come in the bands of :func:`~monai_mocoi.data.levels.column_levels`. Of a column of other numbers or of more
    than 20 words only "known" and "not known" are told: its values could name a patient.

    Args:
        items: what their columns are, :func:`~monai_mocoi.data.columns.item_columns` tells.

    Returns:
        column -> value -> split -> count; the images of a column sum to those of the split.
    """
    groups = {}
    for column, values in item_columns([item for own in items.values() for item in own]).items():
        names, words = _words(column, values)
        groups[column] = _table(items, [name for name in (*names, NOT_KNOWN) if name in set(words)], words)
    return groups


def _words(column: str, values: Sequence[Value]) -> tuple[Sequence[str], list[str]]:
    """The names of a column's groups in their order, and the group of each value."""
    try:
        levels = column_levels(column, values)
        if levels.kind != "quartiles":  # whose edges are values of single patients
            return levels.names, [NOT_KNOWN if place < 0 else levels.names[place] for place in levels.index]
    except NoLevels:
        own = {value for value in values if value is not None}
        if len(own) == 1 and isinstance(word := next(iter(own)), str):
            return (word,), [NOT_KNOWN if value is None else word for value in values]
    return (KNOWN,), [NOT_KNOWN if value is None else KNOWN for value in values]


def _value(label: Any, place: int) -> str:
    """Of the label at ``place``, from an item's ``label``."""
    own = label[place] if isinstance(label, list | tuple) else None if label is None else int(label == place)
    return UNKNOWN if own is None else POSITIVE if own else NEGATIVE


def _table(items: Items, rows: Iterable[str], words: Iterable[str]) -> Table:
    """Count the items of each split by word, all splits' words in one row."""
    images = {row: dict.fromkeys(items, 0) for row in rows}
    patients: dict[str, dict[str, set[str]]] = {row: {split: set() for split in items} for row in images}
    places = ((split, item["patient"]) for split, own in items.items() for item in own)
    for (split, patient), word in zip(places, words, strict=True):
        images[word][split] += 1
        patients[word][split].add(patient)
    return {row: {s: Count(n, len(patients[row][s])) for s, n in own.items()} for row, own in images.items()}


def grey_band(levels: int) -> str:
    """Name the band of a number of distinct grey levels: 8 bits have 256, 12 bits 4,096."""
    return next(name for most, name in GREY_BANDS.items() if levels <= most)
