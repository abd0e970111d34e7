"""Classifier card (``classifier.json``): what a classifier is, and what must be known to use it."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from monai_mocoi.errors import MocoiError, WeightsError
from monai_mocoi.files.record import LabelKind, Record, shown
from monai_mocoi.networks.encoder_card import Number, final_relative_loss

CLASSIFIER_NAME = "classifier.pt"
PACKAGED_NAME = "model.pt"
"""In the folder ``models`` of a package."""
PACKAGE, CONFIG, TESTED, EXPORT = "package", "config", "tested", "export"
"""Where fields are told: to everybody in a package; in its ``inference.json``; under ``tested`` in ``metrics.json``; in
the JSON file beside exported weights."""

# Settings of the machine; and what is told elsewhere, or would name a pretraining that a baseline never had.
_NO_SETTINGS = ("device", "num_workers", "labelled_sha256", "pretraining", "pretrained_sha256")
_PLAIN_WORD = re.compile(r"[\w.+-]{1,80}")
# The order that the files of packages have had from the beginning.
_LATE = ("labelled_images", "recalibration", "operating_points", "typical_features", "input_statistics")


class ClassifierCard(Record):
    """What a classifier is. Each field says where it is told; without a place it stays in the run folder.

    ``kind`` is "multilabel" or "multiclass". ``thresholds`` are None for classes, of which the most probable counts.
    ``cache_bits`` is 8 or 16. ``pretrained`` is the name of the weights file that the encoder started from, or "none";
    ``start`` says what these were (:attr:`~monai_mocoi.networks.Pretrained.start`). ``labelled_images`` is how many had
    labels. ``training_counts`` is of a package, which has no ``labelled.json``. The images are described as in
    :class:`~monai_mocoi.networks.EncoderCard`.
    """

    FILE = "classifier.json"
    ASCII = True
    ERROR: ClassVar[type[MocoiError]] = WeightsError
    REMEDY = (
        "it lies beside the classifier, and without it nobody knows how images are prepared. Bring back the original, "
        "or train again."
    )

    format: int = 1
    kind: LabelKind = shown(PACKAGE, CONFIG, EXPORT, default=...)
    labels: list[str] = shown(PACKAGE, CONFIG, EXPORT, default=...)
    stage: int | str = shown(PACKAGE, CONFIG, TESTED, default=...)
    trainable: str | None = shown(PACKAGE, TESTED)
    thresholds: dict[str, Number] | None = shown(PACKAGE, CONFIG, EXPORT, default=...)
    thresholds_without_choice: list[str] | None = shown(PACKAGE, TESTED)
    recalibration: dict[str, Any] | None = shown(PACKAGE, CONFIG)
    operating_points: dict[str, Any] | None = shown(PACKAGE)
    selected: dict[str, Any] | None = shown(PACKAGE, TESTED)
    validation: dict[str, Any] | None = shown(PACKAGE, TESTED)
    epochs: int | None = shown(PACKAGE, TESTED)
    iterations: int | None = shown(PACKAGE)
    labelled_images: int | None = shown(PACKAGE, TESTED)
    method: str | None = shown(PACKAGE, TESTED, EXPORT)
    architecture: str | None = shown(PACKAGE, CONFIG, TESTED)
    modality: str | None = shown(PACKAGE, EXPORT)
    image_size: int = shown(PACKAGE, CONFIG, EXPORT, default=...)
    decode_size: int = shown(PACKAGE, CONFIG, EXPORT, default=...)
    resize_mode: str = shown(PACKAGE, CONFIG, EXPORT, default=..., old="decode_fit")
    channels: int = shown(PACKAGE, CONFIG, EXPORT, default=...)
    channel_rule: str | None = shown(PACKAGE, EXPORT)
    value_range: list[Number] | None = shown(PACKAGE, EXPORT)
    intensity: str | None = shown(PACKAGE, CONFIG, EXPORT)
    cache_bits: int | None = shown(PACKAGE, CONFIG, EXPORT)
    mean: Number | list[Number] = shown(PACKAGE, CONFIG, EXPORT, default=...)
    std: Number | list[Number] = shown(PACKAGE, CONFIG, EXPORT, default=...)
    dataset: str | None = shown(PACKAGE)
    dataset_sha256: str | None = shown(PACKAGE, TESTED, EXPORT)
    label_fraction: Number | None = shown(PACKAGE, TESTED)
    label_seed: int | None = shown(PACKAGE, TESTED)
    validation_labels: str | None = shown(PACKAGE, TESTED)
    pretrained: str | None = shown(TESTED)
    pretrained_sha256: str | None = shown(PACKAGE, TESTED)
    start: dict[str, Any] | None = shown(TESTED)
    seed: int | None = shown(TESTED)
    settings: dict[str, Any] | None = None
    pretraining_overlap: dict[str, Any] | None = None
    identified: bool | None = None
    seen_images: dict[str, Any] | None = None
    typical_features: dict[str, Any] | None = shown(PACKAGE)
    input_statistics: dict[str, Any] | None = shown(PACKAGE)
    training_counts: dict[str, Any] | None = shown(PACKAGE)

    SETTINGS = ("modality", "image_size", "decode_size", "resize_mode", "channels", "intensity", "mean", "std", "seed")

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__("resize_mode" if key == "decode_fit" else key)  # as earlier configs call it

    def public(self) -> dict[str, Any]:
        """What may be told to everybody: no file, place, machine, image or patient.

        ``pretrained`` is "none" or "encoder"; ``settings`` are numbers and plain words only.
        """
        told = self.part(PACKAGE)
        settings = {
            name: value
            for name, value in (self.settings or {}).items()
            if name not in _NO_SETTINGS and all(map(_is_plain, value if isinstance(value, list) else [value]))
        }
        return {
            "format": self.FORMAT,
            **{name: value for name, value in told.items() if name not in _LATE},
            **{name: told[name] for name in _LATE if name in told},
            "pretrained": "none" if self.pretrained == "none" else "encoder",
            **({} if self.start is None else {"start": _public_start(self.start)}),
            "settings": settings,
        }


def _public_start(start: Mapping[str, Any]) -> dict[str, Any]:
    """What the encoder started from; of a card that anybody may have written."""
    kind, seen = start.get("kind"), start.get("labelled_images")
    recorded: dict[str, Any] = {n: start[n] for n in ("epochs", "iterations") if isinstance(start.get(n), int)}
    if (value := final_relative_loss(start)) is not None:
        recorded["relative_loss"] = {"training": value}
    if kind == "classifier":
        return {"kind": kind, "labelled_images": seen if isinstance(seen, int) else None, **recorded}
    return {"kind": kind, **recorded} if kind in ("none", "pretraining") else {"kind": "unknown"}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, int | float) or bool(_PLAIN_WORD.fullmatch(str(value)))
