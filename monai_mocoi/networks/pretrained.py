"""Pretrained weights: what an encoder starts from, and what is known of it."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from monai_mocoi.networks.encoder_card import RECORDED, EncoderCard, guessing_warning
from monai_mocoi.networks.known_images import images_in_words
from monai_mocoi.networks.stage_encoder import StageEncoder
from monai_mocoi.networks.weight_files import WeightFile, read_weights
from monai_mocoi.networks.weights import LoadReport, encoder_state_dict, load_weights, weights_sha256

_OTHER_ORGAN = (
    "the pretrained weights have learnt from images of another kind: encoder: {}; this bundle: {}. Are these the "
    "encoder and the bundle that you want?"
)


def check_preprocessing(
    card: Mapping[str, Any] | None,
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
        card: :attr:`~monai_mocoi.networks.Pretrained.card`.
        mean, std: of images of 0..1; one number, or one a channel.
        channels: of the images, 1 or 3.
        image_size, modality: pixels a side, and kind of the images, such as "chest"; None: not compared.
        intensity: mode of :class:`~monai_mocoi.transforms.RescaleIntensity`; weights that don't tell theirs were learnt
            with "declared".

    Returns a warning a difference; none where all agrees, or the start is random.
    """
    if card is None or (card and not {"mean", "std"} <= card.keys()):
        return [
            "nothing beside the pretrained weights says how their images were normalised; this run takes mean "
            f"{_shown(mean)} and std {_shown(std)}. ImageNet weights of torchvision and timm had mean "
            "[0.485, 0.456, 0.406] and std [0.229, 0.224, 0.225]."
        ]
    here = {"mean": mean, "std": std, "channels": channels, "intensity": intensity}
    there = {"intensity": "declared", **card} if card else {}
    if image_size is not None:
        here["image_size"] = image_size
    organs = (card.get("modality"), modality)
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


logger = logging.getLogger(__name__)


class Pretrained(NamedTuple):
    """What an encoder starts from."""

    source: str  # name of the file, without its folder; "none": random weights
    report: LoadReport  # what was loaded; nothing for "none"
    card: EncoderCard | None  # what is known of the file's images; None: nothing is; empty for "none"
    sha256: str  # weights_sha256 of the encoder as it starts
    start: dict[str, Any]
    """``kind``: "none", "pretraining", "classifier" (then with ``labelled_images``, the training images with labels
    that it and what it started from had seen, at most; None: not known), or "unknown". Of a pretraining that recorded
    them also ``epochs``, ``iterations`` and ``relative_loss``: see :class:`EncoderCard`."""
    path: Path | None = None  # the file; None for "none"

    @property
    def results(self) -> dict[str, str]:
        """What a run folder records of it, so that it is continued with the same weights only; of none nothing."""
        return {} if self.source == "none" else {"pretrained_sha256": self.sha256}

    def __str__(self) -> str:
        if self.source == "none":
            return "no pretrained weights: the encoder starts from random ones"
        return f"{self.source}: {self.report}"


def load_pretrained(encoder: StageEncoder, pretrained: str | os.PathLike[str] | None) -> Pretrained:
    """Let an encoder start from weights; print the result, and compare its ``card`` by :func:`check_preprocessing`.

    ``pretrained``: see :func:`~monai_mocoi.networks.read_weights`; "none" or None: the encoder is left as it was drawn.
    A WeightsError: see :func:`~monai_mocoi.networks.load_encoder`.
    """
    if pretrained is None or str(pretrained) == "none":
        sha256 = weights_sha256(encoder_state_dict(encoder))
        return Pretrained("none", LoadReport((), (), ()), EncoderCard(), sha256, {"kind": "none"})
    file, path = read_weights(pretrained), Path(pretrained)
    report = load_weights(encoder, file, path.name)
    sha256 = weights_sha256(encoder_state_dict(encoder))
    return Pretrained(path.name, report, file.card, sha256, _start_of(file), path)


def _start_of(file: WeightFile) -> dict[str, Any]:
    card: Mapping[str, Any] = file.card or {}
    if "labels" in card or (file.prefix == "encoder.backbone." and "head.weight" in file.rest):
        seen, before = card.get("labelled_images"), card.get("start") or {}
        if before.get("kind") == "classifier":
            earlier = before.get("labelled_images")
            seen = None if seen is None or earlier is None else seen + earlier
        recorded = {name: before[name] for name in RECORDED if name in before}
        return {"kind": "classifier", "labelled_images": seen, **recorded}
    recorded = {name: card[name] for name in RECORDED if name in card}
    if (before := card.get("start") or {}).get("kind") == "classifier":  # pretraining went on with what labels taught
        return {"kind": "classifier", "labelled_images": before.get("labelled_images"), **recorded}
    return {"kind": "pretraining", **recorded} if "method" in card else {"kind": "unknown"}


def check_start(weights: Pretrained, settings: Mapping[str, Any]) -> None:
    """Log what an encoder starts from; warn of labels or learning that it had or lacked, and of other preprocessing.

    ``settings`` are the run's, among them those of its images, see :func:`~monai_mocoi.networks.check_preprocessing`.
    """
    logger.info("Start: %s", weights)
    warnings = []
    if weights.start["kind"] == "classifier":
        seen = weights.start["labelled_images"]
        warnings.append(
            f"{weights.source} is a classifier: its encoder was trained with the labels of "
            f"{'an unknown number of' if seen is None else f'up to {seen}'} images before this run, which count beside "
            "label_fraction. An encoder.pt has seen no label: give one as pretrained."
        )
    if learnt_from := images_in_words(weights.card or {}):
        logger.info("It has learnt from: %s", learnt_from)
    if (warning := guessing_warning(weights.start)) is not None:
        warnings.append(f"{weights.source}: {warning}")
    of_images = {name: settings.get(name) for name in ("image_size", "modality")}
    of_images |= {name: settings[name] for name in ("mean", "std", "channels", "intensity") if name in settings}
    for warning in (*warnings, *check_preprocessing(weights.card, **of_images)):  # type: ignore[arg-type]
        logger.warning("%s", warning)
