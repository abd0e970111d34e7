"""What is to be said of test images that were seen before; it imports nothing, for a command without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def overlap_warnings(overlap: Mapping[str, Any] | None, split: str = "test") -> list[str]:
    """Warnings, each a sentence or two; none where nothing of the split was seen, or that could not be checked.

    Args:
        overlap: of :func:`~monai_mocoi.data.pretraining_overlap`; None: nothing is known, or nothing was trained.
        split: of which to tell.
    """
    counts = _counts(overlap, split)
    if counts is None:
        return []
    warnings, seen_in = [], _seen_in(overlap)
    if seen := counts["seen_images"]:
        warnings.append(
            f"{seen} of {counts['images']} {split} images were seen in {seen_in} (identical pixels): numbers on them "
            "can be too good. Take them out of one of the two, and train and evaluate again."
        )
    if seen := counts["seen_patients"]:
        warnings.append(
            f"{seen} of {counts['patients']} {split} patients have the id of a patient in {seen_in}. If both data "
            "sets take their ids from one list, they are the same people, and numbers on them can be too good."
        )
    return warnings


def overlap_in_words(overlap: Mapping[str, Any] | None, split: str = "test") -> str | None:
    """One short line of what is not warned of: nothing was seen, or it cannot be told; None: there is none."""
    if not overlap:
        return None
    if not overlap.get("checked"):
        return f"Whether {split} images were seen in {_seen_in(overlap)} cannot be told: {overlap.get('reason')}."
    counts = _counts(overlap, split)
    if counts is None:
        return None
    lines = []
    if not (counts["seen_images"] or counts["seen_patients"]):
        lines.append(
            f"None of the {counts['images']} {split} images and {counts['patients']} {split} patients was seen in "
            f"{_seen_in(overlap)} (identical pixels and ids)."
        )
    if unknown := overlap.get("unknown"):
        lines.append(f"Whether {split} images were seen before that cannot be told: {unknown}.")
    return " ".join(lines) or None


def _seen_in(overlap: Mapping[str, Any] | None) -> str:
    return " or ".join((overlap or {}).get("seen_in") or ["pretraining"])


def _counts(overlap: Mapping[str, Any] | None, split: str) -> Mapping[str, int] | None:
    counts = ((overlap or {}).get("splits") or {}).get(split)
    return counts if counts and counts["images"] else None
