"""What an encoder starts from: random weights, or those of a file; and whether the images suit them."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from monai_mocoi.networks.classifier import Classifier
from monai_mocoi.networks.known_images import images_in_words
from monai_mocoi.networks.pretraining_record import RECORDED, guessing_warning
from monai_mocoi.networks.stage_encoder import StageEncoder
from monai_mocoi.networks.weight_files import WeightFile, read_weights
from monai_mocoi.networks.weights import LoadReport, encoder_state_dict, load_weights, weights_sha256

logger = logging.getLogger(__name__)

_IMAGENET = "mean [0.485, 0.456, 0.406] and std [0.229, 0.224, 0.225]"
_OTHER_ORGAN = (
    "the pretrained weights have learnt from images of another kind: encoder: {}; this bundle: {}. Are these the "
    "encoder and the bundle that you want?"
)


class Pretrained(NamedTuple):
    """What an encoder starts from."""

    source: str
    """Name of the file, without its folder; "none": random weights."""
    report: LoadReport
    """What was loaded; nothing for "none"."""
    sidecar: dict[str, Any] | None
    """What is known of the file's images: ``method``, ``mean``, ``std``, ``channels``, ``image_size``...; None: nothing
    is. Empty for "none"."""
    sha256: str
    """:func:`~monai_mocoi.networks.weights_sha256` of the encoder as it starts."""
    start: dict[str, Any]
    """``kind``: "none", "pretraining", "classifier" (then with ``labelled_images``, the training images with labels
    that it and what it started from had seen, at most; None: not known), or "unknown". Of a pretraining that recorded
    them also ``epochs``, ``iterations`` and ``relative_loss``: see :mod:`~monai_mocoi.networks.pretraining_record`."""

    def __str__(self) -> str:
        if self.source == "none":
            return "no pretrained weights: the encoder starts from random ones"
        return f"{self.source}: {self.report}"


def load_pretrained(encoder: StageEncoder, pretrained: str | os.PathLike[str] | None) -> Pretrained:
    """Let an encoder start from weights.

    Args:
        encoder: changed in place.
        pretrained: a file as :func:`~monai_mocoi.networks.load_encoder` takes it: ``encoder.pt``, a pretraining
            checkpoint (its query encoder is taken), a ``classifier.pt``, torchvision's or timm's file, safetensors.
            "none" or None: the encoder is left as it was drawn.

    Returns:
        what it starts from; print it, and compare ``sidecar`` by :func:`check_preprocessing`.

    Raises:
        WeightsError: see :func:`~monai_mocoi.networks.load_encoder`.
    """
    source, report = "none", LoadReport((), (), ())
    sidecar: dict[str, Any] | None = {}
    start: dict[str, Any] = {"kind": "none"}
    if pretrained is not None and str(pretrained) != "none":
        file = read_weights(pretrained)
        source = Path(pretrained).name
        report, sidecar, start = load_weights(encoder, file, source), file.sidecar, _start_of(file)
    return Pretrained(source, report, sidecar, weights_sha256(encoder_state_dict(encoder)), start)


def _start_of(file: WeightFile) -> dict[str, Any]:
    sidecar = file.sidecar or {}
    if "labels" in sidecar or (file.prefix == "encoder.backbone." and "head.weight" in file.rest):
        seen, before = sidecar.get("labelled_images"), sidecar.get("start") or {}
        if before.get("kind") == "classifier":
            earlier = before.get("labelled_images")
            seen = None if seen is None or earlier is None else seen + earlier
        recorded = {name: before[name] for name in RECORDED if name in before}
        return {"kind": "classifier", "labelled_images": seen, **recorded}
    recorded = {name: sidecar[name] for name in RECORDED if name in sidecar}
    return {"kind": "pretraining", **recorded} if "method" in sidecar else {"kind": "unknown"}


def started_from(
    network: Classifier,
    weights: Pretrained,
    mean: float | Sequence[float],
    std: float | Sequence[float],
    channels: int,
    image_size: int | None = None,
    modality: str | None = None,
    intensity: str = "declared",
) -> Classifier:
    """Say what a classifier's encoder starts from, with a warning if labels were used for it already.

    And with one for each difference in how images are prepared.

    Args:
        network: whose encoder has been given the weights by :func:`load_pretrained`.
        weights: what that returned.
        mean, std, channels, image_size, modality, intensity: of this run's images, see :func:`check_preprocessing`.

    Returns:
        the network.
    """
    logger.info("Start: %s", weights)
    if weights.start["kind"] == "classifier":
        seen = weights.start["labelled_images"]
        logger.warning(
            "%s is a classifier: its encoder was trained with the labels of %s images before this run, which count "
            "beside label_fraction. For an encoder that has seen no label give --pretrained an encoder.pt.",
            weights.source,
            "an unknown number of" if seen is None else f"up to {seen}",
        )
    if learnt_from := images_in_words(weights.sidecar or {}):
        logger.info("It has learnt from: %s", learnt_from)
    if (warning := guessing_warning(weights.start)) is not None:
        logger.warning("%s: %s", weights.source, warning)
    for warning in check_preprocessing(
        weights.sidecar,
        mean=mean,
        std=std,
        channels=channels,
        image_size=image_size,
        modality=modality,
        intensity=intensity,
    ):
        logger.warning("%s", warning)
    return network


def check_preprocessing(
    sidecar: Mapping[str, Any] | None,
    *,
    mean: float | Sequence[float],
    std: float | Sequence[float],
    channels: int,
    image_size: int | None = None,
    modality: str | None = None,
    intensity: str = "declared",
) -> list[str]:
    """Compare how images are prepared with how they were when the weights were learnt.

    Args:
        sidecar: :attr:`Pretrained.sidecar`.
        mean: subtracted from images of 0..1; one number stands for every channel.
        std: then divided by.
        channels: of the images, 1 or 3.
        image_size: pixels a side; None: not compared.
        modality: kind of the images, such as "chest"; None: not compared.
        intensity: mode of :class:`~monai_mocoi.transforms.RescaleIntensity`; weights that don't tell theirs were learnt
            with "declared".

    Returns:
        a warning a difference; none where all agrees, or the start is random.
    """
    if sidecar is None or (sidecar and not {"mean", "std"} <= sidecar.keys()):
        return [
            "nothing beside the pretrained weights says how their images were normalised; this run takes mean "
            f"{_shown(mean)} and std {_shown(std)}. ImageNet weights of torchvision and timm had {_IMAGENET}."
        ]
    here = {"mean": mean, "std": std, "channels": channels, "intensity": intensity}
    there = {"intensity": "declared", **sidecar} if sidecar else {}
    if image_size is not None:
        here["image_size"] = image_size
    organs = (sidecar.get("modality"), modality)
    return ([_OTHER_ORGAN.format(*organs)] if None not in organs and organs[0] != organs[1] else []) + [
        f"the pretrained weights were learnt with {key} {_shown(there[key])}, but this run takes {_shown(value)}: "
        f"set {key} to the same, or know why not."
        for key, value in here.items()
        if key in there and not _same(key, there[key], value)
    ]


def _same(key: str, first: Any, second: Any) -> bool:
    if key in ("channels", "image_size", "intensity"):
        return bool(first == second)
    one, other = _of_each_channel(first), _of_each_channel(second)
    return len(one) == len(other) and all(abs(a - b) <= 1e-6 for a, b in zip(one, other, strict=True))


def _of_each_channel(value: Any) -> list[float]:
    numbers = [float(v) for v in value] if isinstance(value, Sequence) else [float(value)]
    return numbers * 3 if len(numbers) == 1 else numbers


def _shown(value: Any) -> str:
    return str(list(value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
