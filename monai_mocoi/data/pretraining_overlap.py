"""Overlap with pretraining: how many images and patients of a data set a training has seen, and what is said of it."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.data.fingerprint_key import codes, fingerprint_key, key_id
from monai_mocoi.data.seen_images import FAILURES, OTHER_KEY, SeenImages, read_seen_images, why

logger = logging.getLogger(__name__)


def pretraining_overlap(
    weights: str | os.PathLike[str],
    card: Mapping[str, Any] | None,
    folder: str | Path,
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Count the images and patients of splits that an encoder or classifier has seen.

    Only identical pixels count: a copy that was resized or saved as JPEG again is not found. A patient counts where the
    id is the same in any spelling (:func:`~monai_mocoi.data.patient_ids.patient_key`). No run ends because of this: of
    what cannot be read a warning tells. ``weights`` and ``card`` are those of
    :func:`~monai_mocoi.data.seen_images.read_seen_images`, ``splits`` the items by split. Returns ``{"checked": True,
    "splits": {name: {"images", "seen_images", "patients", "seen_patients"}}}``, all of them numbers, or ``{"checked":
    False, "reason": text}``; with the card's ``seen_in`` and ``unknown``, where there are such.
    """
    seen, reason = read_seen_images(weights, card)
    record = (card or {}).get("seen_images")
    record = record if isinstance(record, Mapping) else {}
    told = {name: record[name] for name in ("seen_in", "unknown") if name in record}
    if seen is None:
        return {"checked": False, "reason": reason, **told}
    try:
        return _overlap(seen, folder, splits) | told
    except FAILURES as error:
        logger.warning("%s", why(error))
        return {"checked": False, "reason": "an image or the key of the fingerprints could not be read", **told}


def _overlap(seen: SeenImages, folder: str | Path, splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    key = fingerprint_key()
    if key_id(key) != seen.key_id:
        return {"checked": False, "reason": OTHER_KEY}
    counts = {}
    for name, items in splits.items():
        pictures, patients = codes(key, folder, items)
        counts[name] = {
            "images": len(pictures),
            "seen_images": sum(code in seen.pictures for code in pictures),
            "patients": len(set(patients)),
            "seen_patients": len(set(patients) & seen.patients),
        }
    return {"checked": True, "splits": counts}


def overlap_warnings(overlap: Mapping[str, Any] | None, split: str = "test") -> list[str]:
    """Warnings of what :func:`pretraining_overlap` found; none where nothing was seen, or it could not be checked."""
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
