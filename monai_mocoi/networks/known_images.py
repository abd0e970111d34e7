"""What is known of the images that weights were made on, before they are read: their size, and whether they were drawn.

Without torch: ``mocoi plan`` says the same as the run. Only the JSON file beside the weights is read.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.classifier_place import CLASSIFIER_NAME

logger = logging.getLogger(__name__)


def known_images(weights: str | os.PathLike[str] | None) -> dict[str, Any]:
    """What the JSON file beside weights says.

    Args:
        weights: ``encoder.pt``, ``classifier.pt`` or the folder of one, a checkpoint of a pretraining run, or any other
            file; "none" or None: none.

    Returns:
        ``image_size``, ``modality``, ``dataset``, ``settings`` and more; empty where nothing is known, as of public
        weights. Whether the file is damaged is for those to say who load the weights.
    """
    if weights is None or str(weights) == "none":
        return {}
    path = Path(weights)
    path = path / CLASSIFIER_NAME if path.is_dir() else path
    of_run = path.parent.parent / "config.json" if path.parent.name == "checkpoints" else None
    try:
        content = json.loads((of_run or path.with_suffix(".json")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def images_in_words(known: Mapping[str, Any]) -> str:
    """``32 px, chest, intensity picture, of 'NIH ChestX-ray14'``: as far as it is known; not "declared", the usual.

    Args:
        known: of :func:`known_images`, or the sidecar of loaded weights.
    """
    size, modality, intensity, dataset = (known.get(n) for n in ("image_size", "modality", "intensity", "dataset"))
    stretched = f"intensity {intensity}" if intensity and intensity != "declared" else ""
    words = (f"{size} px" if size else "", modality or "", stretched, f"of {dataset!r}" if dataset else "")
    return ", ".join(filter(None, words))


_Value = TypeVar("_Value", int, str)


def of_encoder(pretrained: str | os.PathLike[str] | None, setting: str, default: _Value) -> _Value:
    """What an encoder's images had for a setting: the default of a run that starts from it.

    Args:
        pretrained: as for :func:`known_images`.
        setting: such as "image_size" or "intensity".
        default: where it is not known; a value of another kind counts as unknown.
    """
    value = known_images(pretrained).get(setting)
    return value if type(value) is type(default) and value else default


def check_drawn_or_real(dataset_dir: str, weights: str | os.PathLike[str] | None) -> None:
    """Refuse phantoms for weights of real images; warn of weights of phantoms where the images are real.

    Args:
        dataset_dir: of the bundle: "demo" stands for phantoms.
        weights: that the bundle starts from, as for :func:`known_images`.

    Raises:
        WeightsError: ``dataset_dir`` is "demo", its default, but the weights were made on a dataset folder; names it.
    """
    known = known_images(weights)
    settings = known.get("settings")
    drawn = (settings if isinstance(settings, dict) else known).get("demo")
    what = "classifier" if "labels" in known else "encoder"
    if dataset_dir == "demo" and drawn is False:
        data = f"the data set {known['dataset']!r}" if known.get("dataset") else "a data set"
        or_images = " (for inference.json also --images FOLDER)" if what == "classifier" else ""
        raise WeightsError(
            f"the {what} was made on {data}, but dataset_dir is 'demo' (phantoms), as it is unless another is named: "
            f"add --dataset_dir FOLDER{or_images}. Nothing was drawn or changed."
        )
    if dataset_dir != "demo" and drawn is True:
        logger.warning(
            "THIS IS A DEMO %s: it was trained on GENERATED PHANTOMS, and knows nothing of medical images. Take one "
            "that was trained on medical images%s.",
            what.upper(),
            ", or --pretrained none" if what == "encoder" else "",
        )
