"""Settings that follow from a data set, and why: the rules of ``mocoi adapt``, without any file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monai_mocoi.data.picture_facts import PictureFacts
from monai_mocoi.errors import AdaptError
from monai_mocoi.packaging.config_values import whole_number

LARGEST, STEP = 224, 32
"""Pixels: the largest image size that is chosen by itself, and what it is a multiple of."""
_PIXELS_A_BATCH = 64 * LARGEST**2  # that the nine bundles have at most
_LEAST_BATCH = 8
_LITTLE_RANGE = 0.25
# Of the nine bundles: one channel, and ImageNet's three.
_NORMALISATION: dict[int, tuple[Any, Any]] = {1: (0.5, 0.25), 3: ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])}
_AS_IN_SOURCE = "as in the source bundle"


@dataclass(frozen=True)
class Labels:
    """Names of the findings or classes, and their kind: "multilabel", "multiclass", or None: no image has a label."""

    names: tuple[str, ...] = ()
    kind: str | None = None

    def in_words(self) -> str:
        """Such as "3 findings an image (A, B, C)"."""
        if self.kind is None:
            return "none"
        what = "finding(s), each there or not" if self.kind == "multilabel" else "classes, one an image"
        return f"{len(self.names)} {what}: {', '.join(self.names)}"


@dataclass(frozen=True)
class Choice:
    """One setting: its name in the configs, its value on real data, and the reason in words."""

    name: str
    value: Any
    reason: str


def choose_settings(
    train: Mapping[str, Any],
    metric: str,
    labels: Labels,
    images: int,
    facts: PictureFacts,
    stated_channels: int | None = None,
    modality: str | None = None,
) -> list[Choice]:
    """Choose what the data set decides, in the order in which it is shown.

    ``train`` is the source bundle's ``train.json``, ``metric`` that of its ``finetune.json``, ``images`` how many there
    are to pretrain on. ``stated_channels`` (1, 3) is what the manifest says; without a ``modality`` it is the source's.
    The manifest saying one channel where most pictures show colour is an AdaptError.
    """
    channels, size, intensity = _channels(facts, stated_channels), _image_size(facts), _intensity(facts)
    same = channels.value == train["channels"]
    values = (train["mean"], train["std"]) if same else _NORMALISATION[channels.value]
    why = _AS_IN_SOURCE if same else f"those of the bundles with {channels.value} channel(s)"
    source_queue = whole_number(train, "queue_size")
    queue = max(1, min(source_queue, images // 2))
    return [
        channels,
        *(Choice(name, value, why) for name, value in zip(("mean", "std"), values, strict=True)),
        size,
        _resize_mode(train, facts, modality or train["modality"]),
        intensity,
        _cache_bits(intensity.value, facts),
        _batch_size(whole_number(train, "batch_size"), size.value, images),
        Choice("queue_size", queue, _AS_IN_SOURCE if queue == source_queue else f"half of the {images} images to "
               "pretrain on"),
        *_of_labels(labels, metric),
    ]  # fmt: skip


def _channels(facts: PictureFacts, stated: int | None) -> Choice:
    coloured = f"{facts.coloured} of {facts.read} pictures show colour"
    mostly = 2 * facts.coloured > facts.read
    if stated == 1 and mostly:
        raise AdaptError(
            f"manifest.json says that the pictures have 1 channel, but {coloured}: is it the manifest of these images? "
            "Prepare the data set again."
        )
    if stated is not None:
        return Choice("channels", stated, f"as manifest.json says; {coloured}")
    return Choice("channels", 3 if mostly else 1, coloured)


def _image_size(facts: PictureFacts) -> Choice:
    least, middle, most = facts.shorter_sides
    sides = f"{middle} px" if least == most else f"{least} to {most} px, half of them up to {middle}"
    rounded = -(-middle // STEP) * STEP
    more = "more would show nothing new"
    if rounded > LARGEST:
        more = f"findings that are lost at {LARGEST} px need a larger image_size, at a cost that grows with the square"
    return Choice("image_size", min(rounded, LARGEST), f"the shorter sides are {sides}; {more}")


def _resize_mode(train: Mapping[str, Any], facts: PictureFacts, modality: str) -> Choice:
    source = train["resize_mode"]
    if source != "fundus":
        return Choice("resize_mode", source, _AS_IN_SOURCE)
    # Looking for a disc tells little of whether it is a fundus: in most chest X-rays "one" is found.
    if modality != train["modality"]:
        return Choice("resize_mode", "crop", f"only a {train['modality']} has a disc to cut out")
    if 2 * (facts.without_disc or 0) > facts.read:
        why = f"no disc of a fundus is found in {facts.without_disc} of {facts.read} pictures"
        return Choice("resize_mode", "crop", why)
    return Choice("resize_mode", source, f"{_AS_IN_SOURCE}; other images than fundus photographs need a modality")


def _intensity(facts: PictureFacts) -> Choice:
    used = f"half of the pictures use up to {facts.range_used:.0%} of the range that their files declare"
    if facts.range_used < _LITTLE_RANGE:
        return Choice("intensity", "percentiles", f"{used}: each is stretched to its own")
    return Choice("intensity", "declared", used)


def _cache_bits(intensity: str, facts: PictureFacts) -> Choice:
    if intensity != "declared":
        return Choice("cache_bits", "auto", "8, or 16 where the run finds that 8 would lose grey levels")
    if facts.flattened:
        return Choice("cache_bits", 16, f"8 would lose most grey levels of {facts.flattened} of {facts.read} pictures")
    return Choice("cache_bits", 8, "8 bits keep the grey levels of all pictures looked at")


def _batch_size(source: int, size: int, images: int) -> Choice:
    by_memory = min(source, _power_of_two(_PIXELS_A_BATCH // size**2))
    value = min(by_memory, max(_LEAST_BATCH, _power_of_two(images // 4)))
    if value < by_memory:
        return Choice("batch_size", value, f"there are {images} images to pretrain on")
    why = _AS_IN_SOURCE if value == source else f"larger ones of {size} px take too much memory"
    return Choice("batch_size", value, why)


def _power_of_two(number: int) -> int:
    """The largest that is not above; 1 for anything below 2."""
    return 1 << max(0, number.bit_length() - 1)


def _of_labels(labels: Labels, metric: str) -> Iterator[Choice]:
    if labels.kind is None:
        return
    several = labels.kind == "multilabel"
    yield Choice("labels", list(labels.names), "the names in datalist.json")
    yield Choice("label_kind", labels.kind, "each image has a list of them" if several else "one an image")
    two = " (of two classes the AUC)" if metric == "macro_auc" and len(labels.names) == 2 else ""
    yield Choice("metric", "macro_auc", "findings") if several else Choice("metric", metric, f"{_AS_IN_SOURCE}{two}")
