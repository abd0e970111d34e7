"""Encoder card (``encoder.json``): how an encoder was pretrained, and how its images must be prepared."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from monai_mocoi.errors import MocoiError, WeightsError
from monai_mocoi.files.record import Record

ENCODER_NAME = "encoder.pt"
CHANNEL_RULE = "a one-channel image enters the three-channel first layer as three equal channels"
RECORDED = ("epochs", "iterations", "relative_loss")
"""What is handed on from ``encoder.json`` to whatever is trained from the encoder."""
Number = int | float


class EncoderCard(Record):
    """What must be known to use an encoder: how it was pretrained, and how its images were prepared.

    Every key may be missing, because the JSON file beside any weights is read as one: of a classifier, of an export, of
    public weights. ``mean`` and ``std`` are one number, or one a channel; ``value_range`` is that of an image before it
    is normalised; ``intensity`` is the mode of :class:`~monai_mocoi.transforms.RescaleIntensity`; ``relative_loss`` is
    the loss / that of guessing in the last epoch, by "training" and "validation"; ``identified`` is true where the
    images were links to originals with patients' identity. Of a pretraining that did not begin with random weights,
    ``pretrained``, ``pretrained_sha256`` and ``start`` say what it began with, as in a classifier's card.
    """

    FILE = "encoder.json"
    ASCII = True
    ERROR: ClassVar[type[MocoiError]] = WeightsError
    REMEDY = (
        "it says how the images of the weights beside it were normalised. Bring back the original, or move it away if "
        "it belongs to something else."
    )

    format: int = 1
    names: str | None = None
    zero_init_residual: bool | None = None
    stage_channels: list[int] | None = None
    epochs: int | None = None
    iterations: int | None = None
    method: str | None = None
    architecture: str | None = None
    modality: str | None = None
    image_size: int | None = None
    channels: int | None = None
    channel_rule: str | None = None
    value_range: list[Number] | None = None
    intensity: str | None = None
    mean: Number | list[Number] | None = None
    std: Number | list[Number] | None = None
    dataset: str | None = None
    dataset_sha256: str | None = None
    settings: dict[str, Any] | None = None
    relative_loss: dict[str, Any] | None = None
    identified: bool | None = None
    seen_images: dict[str, Any] | None = None
    start: dict[str, Any] | None = None
    pretrained: str | None = None
    pretrained_sha256: str | None = None

    SETTINGS = ("method", "modality", "image_size", "channels", "intensity", "mean", "std")


def card_path(weights: str | os.PathLike[str]) -> Path:
    """The JSON file that belongs to a weights file: the same name with ``.json``."""
    return Path(weights).with_suffix(".json")


def read_card(weights: str | os.PathLike[str]) -> EncoderCard | None:
    """What the JSON file beside a weights file says; None: there is none. A WeightsError: it cannot be read."""
    path = card_path(weights)
    return EncoderCard.read(path) if path.is_file() else None


def final_relative_loss(start: Mapping[str, Any] | None) -> float | None:
    """Loss / loss of guessing, ln(1 + negatives), at the end of pretraining: 1 is guessing, lower is better.

    It is the mean of the last epoch; without one, that of validation; None: ``start``, which is an :class:`EncoderCard`
    or ``start`` of a classifier's card, does not have it.
    """
    recorded = (start or {}).get("relative_loss")
    if not isinstance(recorded, Mapping):
        return None
    values = (recorded.get(name) for name in ("training", "validation"))
    return next((float(value) for value in values if isinstance(value, int | float)), None)


def guessing_warning(start: Mapping[str, Any] | None) -> str | None:
    """Say that an encoder never beat guessing; None: it did, or that is not recorded."""
    value = final_relative_loss(start)
    if value is None or value < 1:
        return None
    return (
        f"the encoder's pretraining never beat guessing: loss / guessing was {value:.3f} at its end (1 is guessing, "
        f"lower is better){_length(start, ' after ')}. What such an encoder adds is no effect of pretraining: pretrain "
        "longer."
    )


def start_in_words(start: Mapping[str, Any] | None, method: str | None = None) -> str:
    """What a classifier's encoder started from, in words: ``start`` of its card, and the pretraining's ``method``."""
    kind = (start or {}).get("kind")
    if kind == "none":
        return "random weights (no pretraining)"
    if kind not in ("pretraining", "classifier"):
        return f"weights of unknown training{f' (method {method})' if method and method != 'unknown' else ''}"
    value = final_relative_loss(start)
    words = f"pretrained{f' by {method}' if method else ''}{_length(start, ', ')}"
    words += f", loss / guessing {value:.3f} at its end" if value is not None else ", loss at its end not recorded"
    return words + (", then trained with labels before" if kind == "classifier" else "")


def _length(start: Mapping[str, Any] | None, before: str) -> str:
    epochs, steps = ((start or {}).get(name) for name in ("epochs", "iterations"))
    parts = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((epochs, "epoch"), (steps, "step")) if n is not None]
    return before + parts[0] + (f" ({parts[1]})" if len(parts) > 1 else "") if parts else ""
