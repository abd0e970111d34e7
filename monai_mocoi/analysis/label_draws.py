"""Draws of labels for probing: of every fraction and seed, as ``finetune.json`` draws them."""

from __future__ import annotations

from collections.abc import Sequence

from monai_mocoi.data import Datalist
from monai_mocoi.data.label_fraction import LabelSubset, label_subset
from monai_mocoi.errors import DatasetError


def probing_draws(
    datalist: Datalist, label_fractions: Sequence[float], label_seeds: Sequence[int], validation_labels: str = "same"
) -> list[LabelSubset]:
    """Draw the labelled images of every fraction and seed.

    A fraction of 1 is drawn once, with the first seed, and so is any other whose seeds give the same images.

    Args:
        datalist: the whole one, with labels.
        label_fractions, label_seeds: each above 0 and at most 1; each 0 or more.
        validation_labels: see :func:`~monai_mocoi.data.label_subset`.

    Returns:
        the subsets, by fraction from small to large, then by seed in the order given.

    Raises:
        DatasetError: no fraction, no seed, or what :func:`~monai_mocoi.data.label_subset` refuses.
    """
    if not label_fractions or not label_seeds:
        raise DatasetError("probing needs one or more label_fractions and label_seeds, such as [0.01, 0.1, 1] and [1].")
    draws: dict[tuple[float, str], LabelSubset] = {}
    for fraction in sorted(set(label_fractions)):
        for seed in label_seeds[:1] if fraction == 1 else label_seeds:
            subset = label_subset(datalist, fraction, seed, validation_labels)
            draws.setdefault((fraction, subset.sha256), subset)
    return list(draws.values())
