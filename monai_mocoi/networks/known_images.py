"""Weights before they are loaded: what the JSON file beside them says, and whether they may be used."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from monai_mocoi.errors import MocoiError, WeightsError
from monai_mocoi.files.record import Record
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.networks.encoder_card import card_path

logger = logging.getLogger(__name__)

RUN_MANIFEST_NAME = "manifest.json"
IDENTIFIED = "identified"
"""Key of a dataset folder's and a run's ``manifest.json`` and of the JSON file beside weights; true or not there."""
WHY_NOT = (
    "was trained on a dataset folder that refers to the originals of patients (its manifest says "
    '"identified": true), or began with weights that were: it is not handed on. Prepare the data set without '
    "identities (not in place), and train on that."
)
_Value = TypeVar("_Value", int, str)


class _Said(Record):
    """Any JSON file beside weights, or of their run, as far as it tells of the images; no value of it is checked."""

    ERROR: ClassVar[type[MocoiError]] = WeightsError
    REMEDY = "loading says what is wrong."


def known_images(weights: str | os.PathLike[str] | None) -> Mapping[str, Any]:
    """What the JSON file beside weights says: ``image_size``, ``modality``, ``dataset``, ``settings`` and more.

    The weights are an ``encoder.pt``, ``classifier.pt`` or its folder, a checkpoint of a pretraining run, any other
    file, or none ("none"). Empty where nothing is known; a damaged file, or one of another format, says
    nothing here, because loading refuses it.
    """
    if weights is None or str(weights) == "none":
        return {}
    path = Path(weights)
    path = path / CLASSIFIER_NAME if path.is_dir() else path
    return _said(path.parent.parent / "config.json" if path.parent.name == "checkpoints" else card_path(path))


def images_in_words(known: Mapping[str, Any]) -> str:
    """``32 px, chest, intensity picture, of 'NIH ChestX-ray14'``: as far as it is known; not "declared", the usual."""
    size, modality, intensity, dataset = (known.get(n) for n in ("image_size", "modality", "intensity", "dataset"))
    stretched = f"intensity {intensity}" if intensity and intensity != "declared" else ""
    words = (f"{size} px" if size else "", modality or "", stretched, f"of {dataset!r}" if dataset else "")
    return ", ".join(filter(None, words))


def of_encoder(pretrained: str | os.PathLike[str] | None, setting: str, default: _Value) -> _Value:
    """What an encoder's images had for a setting such as "image_size": the default of a run that starts from it.

    ``default`` is taken where it is not known; a value of another type counts as unknown.
    """
    value = known_images(pretrained).get(setting)
    return value if type(value) is type(default) and value else default


def check_drawn_or_real(dataset_dir: str, weights: str | os.PathLike[str] | None) -> None:
    """Refuse phantoms for weights of real images; warn of weights of phantoms where the images are real.

    ``dataset_dir`` is the bundle's: "demo", its default, means phantoms, which are refused (WeightsError, code
    "phantoms") if the ``weights``, which are any as for :func:`known_images`, were made on a dataset folder.
    """
    known = known_images(weights)
    settings = known.get("settings")
    drawn = (settings if isinstance(settings, dict) else known).get("demo")
    what = "classifier" if "labels" in known else "encoder"
    if dataset_dir == "demo" and drawn is False:
        data = f"the data set {known['dataset']!r}" if known.get("dataset") else "a data set"
        raise WeightsError(
            f"the {what} was made on {data}, but dataset_dir is 'demo' (phantoms), as it is unless another is named: "
            "name the dataset folder. Nothing was drawn or changed.",
            code="phantoms",
        )
    if dataset_dir != "demo" and drawn is True:
        logger.warning(
            "THIS IS A DEMO %s: it was trained on GENERATED PHANTOMS, and knows nothing of medical images. Take one "
            "that was trained on medical images%s.",
            what.upper(),
            ", or random weights (pretrained none)" if what == "encoder" else "",
        )


def is_identified(weights: str | os.PathLike[str] | None) -> bool:
    """Tell whether weights come from a dataset folder with ``"identified": true``, directly or by what they began with.

    The JSON file beside them or the run's ``manifest.json`` says so; False of weights that were taken out of their
    folder without it. They are a file in a run folder, or in its checkpoints; None or "none": random ones.
    """
    if weights is None or str(weights) == "none":
        return False
    path = Path(weights).resolve()
    said = (card_path(path), path.parent / RUN_MANIFEST_NAME, path.parent.parent / RUN_MANIFEST_NAME)
    return any(_said(file).get(IDENTIFIED) is True for file in said)


def check_not_identified(weights: str | os.PathLike[str]) -> None:
    """Refuse to hand on weights that were trained on identified data, with a WeightsError."""
    if is_identified(weights):
        raise WeightsError(f"{Path(weights).name!r} {WHY_NOT}")


def _said(path: Path) -> Mapping[str, Any]:
    try:
        return _Said.read(path)
    except WeightsError:
        return {}
