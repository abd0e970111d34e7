"""Masked plan of a study: what was planned, without the folders of the machine, and a hash that others get too."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from monai_mocoi.study import StudyPlan
from monai_mocoi.study.grid import DEMO
from monai_mocoi.study_report.masked_words import masked

HASH, MASKED_HASH = "hash", "masked_hash"


def masked_plan(plan: StudyPlan) -> dict[str, Any]:
    """Everything that was planned; a folder is told by the id of its data set, another file by its name.

    ``hash``: of the plan as it lies in the study, folders included. ``masked_hash``: of what is told here.
    """
    known = {}
    for own in plan.datasets:
        if own.dataset_dir != DEMO:  # several data sets may be drawn
            known[own.dataset_dir] = f"<{own.id}>"
        if own.external_dir:
            known[own.external_dir] = f"<{own.id}, external>"
    whole = plan.model_dump(mode="json", exclude_unset=True, exclude={HASH})
    content: dict[str, Any] = json.loads(masked(json.dumps(whole), known))
    return {**content, HASH: plan.hash, MASKED_HASH: hash_of(content)}


def hash_of(content: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a masked plan, without its two hashes."""
    told = {name: value for name, value in content.items() if name not in (HASH, MASKED_HASH)}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
