"""What an image's place among the others can be coloured by: its label, what the datalist tells, and its brightness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from monai_mocoi.data.columns import item_columns
from monai_mocoi.data.dataset import ImageDataset

LABEL, BRIGHTNESS = "label", "mean brightness"
MOST_COLUMNS = 6
"""Of the datalist, in its order."""
_FINDINGS = 5

Column = list[str | float | None]


def image_columns(items: Sequence[Mapping[str, Any]], labels: Sequence[str], images: ImageDataset) -> dict[str, Column]:
    """Collect the columns of images.

    Args:
        items: of a split.
        labels: names of the classes or findings.
        images: of these items, values 0..1, all readable.

    Returns:
        by name, one value an image: ``label`` (where there are labels; of findings the five most frequent where an
        image has one of them alone, "several" or "none"), the datalist's columns whose values are not all alike, and
        ``mean brightness`` (0..1).
    """
    columns: dict[str, Column] = {}
    if items and "label" in items[0]:
        columns[LABEL] = _label_words([item["label"] for item in items], labels)
    for name, values in list(item_columns(items).items())[:MOST_COLUMNS]:
        if len(set(values)) > 1:
            columns[name if name not in (LABEL, BRIGHTNESS) else f"{name} (datalist)"] = list(values)
    columns[BRIGHTNESS] = [float(torch.as_tensor(images[i]["image"]).mean()) for i in range(len(images))]
    return columns


def _label_words(values: Sequence[Any], labels: Sequence[str]) -> Column:
    if not isinstance(values[0], list):
        return [labels[value] for value in values]
    has = [[name for name, one in zip(labels, value, strict=True) if one] for value in values]
    often = {name for name, _ in Counter(own[0] for own in has if len(own) == 1).most_common(_FINDINGS)}
    words: Column = []
    for own in has:
        if len(own) == 1:
            words.append(own[0] if own[0] in often else "another")
        else:
            words.append("several" if own else "none")
    return words
