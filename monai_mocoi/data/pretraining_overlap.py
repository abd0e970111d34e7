"""Overlap with pretraining: how many images and patients of a data set a training has seen."""

from __future__ import annotations

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
    sidecar: Mapping[str, Any] | None,
    folder: str | Path,
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    cache_dir: str | Path | None = None,
) -> dict[str, Any]:
    """Count the images and patients of splits that an encoder or classifier has seen.

    Only identical pixels count: a copy that was resized or saved as JPEG again is not found. A patient counts where the
    id is the same in any spelling (:func:`~monai_mocoi.data.patient_ids.patient_key`). No run ends because of this: of
    what cannot be read a warning tells.

    Args:
        weights, sidecar: see :func:`~monai_mocoi.data.seen_images.read_seen_images`.
        folder: the dataset folder.
        splits: items (``image``, ``name``, ``patient``) by split; such as can be read.
        cache_dir: of the fingerprints.

    Returns:
        ``{"checked": True, "splits": {name: {"images", "seen_images", "patients", "seen_patients"}}}``, all of them
        numbers, or ``{"checked": False, "reason": text}``; with ``seen_in``, such as ``["pretraining", "training"]``,
        and ``unknown``, a text, where there are such.
    """
    seen, reason = read_seen_images(weights, sidecar)
    record = (sidecar or {}).get("seen_images")
    record = record if isinstance(record, Mapping) else {}
    told = {name: record[name] for name in ("seen_in", "unknown") if name in record}
    if seen is None:
        return {"checked": False, "reason": reason, **told}
    try:
        return _overlap(seen, folder, splits, cache_dir) | told
    except FAILURES as error:
        logger.warning("%s", why(error))
        return {"checked": False, "reason": "an image or the key of the fingerprints could not be read", **told}


def _overlap(
    seen: SeenImages,
    folder: str | Path,
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    cache_dir: str | Path | None,
) -> dict[str, Any]:
    key = fingerprint_key()
    if key_id(key) != seen.key_id:
        return {"checked": False, "reason": OTHER_KEY}
    counts = {}
    for name, items in splits.items():
        pictures, patients = codes(key, folder, items, cache_dir)
        counts[name] = {
            "images": len(pictures),
            "seen_images": sum(code in seen.pictures for code in pictures),
            "patients": len(set(patients)),
            "seen_patients": len(set(patients) & seen.patients),
        }
    return {"checked": True, "splits": counts}
