"""Weights that were trained on originals with patients' identity in them: they are neither exported nor packaged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.weight_files import sidecar_path

IDENTIFIED = "identified"
"""Key of a dataset folder's and a run's ``manifest.json`` and of the JSON file beside weights; true or not there."""


def is_identified(weights: str | os.PathLike[str] | None) -> bool:
    """Tell whether weights come from a dataset folder with ``"identified": true``, directly or by what they began with.

    Args:
        weights: a file in a run folder, or in a folder of it (checkpoints); None or "none": random weights.

    Returns:
        True if the JSON file beside them or the run's ``manifest.json`` says so. Weights that were taken out of their
        folder without the JSON file tell nothing: False.
    """
    if weights is None or str(weights) == "none":
        return False
    path = Path(weights).resolve()
    said = (sidecar_path(path), path.parent / "manifest.json", path.parent.parent / "manifest.json")
    return any(_read(file).get(IDENTIFIED) is True for file in said)


def check_not_identified(weights: str | os.PathLike[str]) -> None:
    """Refuse to hand on weights that were trained on identified data.

    Raises:
        WeightsError: they were.
    """
    if is_identified(weights):
        raise WeightsError(f"{Path(weights).name!r} {WHY_NOT}")


WHY_NOT = (
    "was trained on a dataset folder that refers to the originals of patients (made with --in-place; its manifest says "
    '"identified": true), or began with weights that were: it is not handed on. Prepare the data without --in-place, '
    "which makes a folder without identities, and train on that."
)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
