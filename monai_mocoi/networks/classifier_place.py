"""Where a classifier lies, and whether it is one for this config. Without torch: ``mocoi plan`` says the same."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.runs_nearby import runs_nearby

CLASSIFIER_NAME = "classifier.pt"
PACKAGED_NAME = "model.pt"
"""In the folder ``models`` of a package."""


def classifier_path(place: str | os.PathLike[str]) -> Path:
    """The weights file of a place: of a run folder its ``classifier.pt``, or the file itself.

    Raises:
        WeightsError: there is none; names the runs in it and beside it that have one, or else those in ``runs/``.
    """
    place = Path(place)
    path = place / CLASSIFIER_NAME if place.is_dir() or place.suffix not in (".pt", ".pth") else place
    if path.is_file():
        return path
    folder = path.parent
    is_pretraining = (folder / "encoder.pt").is_file()
    if (folder / "manifest.json").is_file() and not is_pretraining:
        raise WeightsError(
            f"the run in {folder} has no {path.name}: it has not come to its end. Continue it by its own command with "
            "--resume true."
        )
    within = [where for above in (folder, folder.parent) for where in above.glob(f"finetune-*/{CLASSIFIER_NAME}")]
    others = sorted({str(where.parent) for where in within})
    others = others or [str(Path(where).parent) for where in runs_nearby(folder, f"finetune-*/{CLASSIFIER_NAME}")]
    what = (
        f"{folder} is a pretraining run, without a classifier"
        if is_pretraining
        else f"there is no classifier in {folder}"
    )
    if path.name == PACKAGED_NAME:
        raise WeightsError(
            f"{what}: a package has {PACKAGED_NAME} in its folder `models`. Go into the package's folder, or name it "
            "by --bundle_root FOLDER (`mocoi run` finds it by itself)."
        )
    if others:
        raise WeightsError(f"{what}; these runs have one: {', '.join(others)}. Name one by --run_dir FOLDER.")
    raise WeightsError(f"{what}. Make one by `mocoi run .../finetune.json`, or say where it is by --run_dir FOLDER.")


def check_modality(classifier: Mapping[str, Any], modality: str | None, bundle: str) -> None:
    """Refuse a classifier of another kind of images than the config's.

    Args:
        classifier: its sidecar.
        modality: of the config, such as "chest"; None: of any.
        bundle: name of the bundle, for the text.

    Raises:
        WeightsError: the sidecar names another modality.
    """
    found = classifier.get("modality")
    if found is not None and modality is not None and found != modality:
        raise WeightsError(
            f"the classifier was made with the modality {found!r}, but {bundle} has {modality!r}: use the bundle that "
            "it was made with."
        )
