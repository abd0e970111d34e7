"""What is to be said of test images that a pretraining has seen; it imports nothing, for a command without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def overlap_warnings(overlap: Mapping[str, Any] | None, split: str = "test") -> list[str]:
    """Warnings, each a sentence or two.

    Args:
        overlap: of :func:`~monai_mocoi.data.pretraining_overlap`; None: nothing is known, or nothing was pretrained.
        split: of which to tell.

    Returns:
        none where no image and no patient of the split was seen, or that could not be checked.
    """
    counts = _counts(overlap, split)
    if counts is None:
        return []
    warnings = []
    if seen := counts["seen_images"]:
        warnings.append(
            f"{seen} of {counts['images']} {split} images were seen in pretraining (identical pixels): numbers on them "
            "can be too good. Take them out of one of the two, and train and evaluate again."
        )
    if seen := counts["seen_patients"]:
        warnings.append(
            f"{seen} of {counts['patients']} {split} patients have the id of a patient in pretraining. If both data "
            "sets take their ids from one list, they are the same people, and numbers on them can be too good."
        )
    return warnings


def overlap_in_words(overlap: Mapping[str, Any] | None, split: str = "test") -> str | None:
    """One short line where there is nothing to warn of; None: there is, or nothing was pretrained."""
    if not overlap:
        return None
    if not overlap.get("checked"):
        return f"Whether {split} images were seen in pretraining cannot be told: {overlap.get('reason')}."
    counts = _counts(overlap, split)
    if counts is None or counts["seen_images"] or counts["seen_patients"]:
        return None
    return (
        f"None of the {counts['images']} {split} images and {counts['patients']} {split} patients was seen in "
        "pretraining (identical pixels and ids)."
    )


def _counts(overlap: Mapping[str, Any] | None, split: str) -> Mapping[str, int] | None:
    counts = ((overlap or {}).get("splits") or {}).get(split)
    return counts if counts and counts["images"] else None
