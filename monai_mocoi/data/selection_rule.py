"""How the best epoch can be chosen with as many validation labels as there are (fault A18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.labels import class_sides

MIN_IMAGES = 20
MIN_OF_EACH = 5


class SelectionRule(NamedTuple):
    """What chooses the epoch whose weights are kept.

    Attributes:
        rule: "metric": the reported metric on validation. "loss": the validation loss. "last": nothing; the last epoch
            is taken.
        reason: why, as a sentence.
        classes: names of the classes with at least 5 positive and 5 negative validation images.
    """

    rule: str
    reason: str
    classes: tuple[str, ...]


def selection_rule(labels: NDArray[np.int64] | None, names: Sequence[str]) -> SelectionRule:
    """Choose by the reported metric where it means something, else by the loss, else not at all.

    Args:
        labels: of the validation images that have labels, see :func:`~monai_mocoi.data.labels.label_array`; None: none.
        names: of the classes or findings.

    Returns:
        "last" for fewer than 20 images; "loss" where every class has fewer than 5 positive or fewer than 5 negative
        images; otherwise "metric".
    """
    if labels is None:
        return SelectionRule("last", "no validation image has a label: the last epoch is taken.", ())
    images = len(labels)
    positives, negatives = (side.sum(0) for side in class_sides(labels, len(names)))
    enough = np.minimum(positives, negatives) >= MIN_OF_EACH
    classes = tuple(name for name, kept in zip(names, enough, strict=True) if kept)
    held = f"validation has {images} labelled image(s)"
    if images < MIN_IMAGES:
        reason = f"{held}, fewer than {MIN_IMAGES}: the last epoch is taken."
        return SelectionRule("last", reason, classes)
    if not classes:
        reason = f"{held}, but no class has {MIN_OF_EACH} positive and {MIN_OF_EACH} negative ones: by the loss."
        return SelectionRule("loss", reason, classes)
    reason = (
        f"{held}; {len(classes)} of {len(names)} classes have at least {MIN_OF_EACH} positive and {MIN_OF_EACH} "
        "negative ones: by the metric."
    )
    return SelectionRule("metric", reason, classes)
