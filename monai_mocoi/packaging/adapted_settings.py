"""Which settings of a bundle follow from a data set, and why: the rules of ``mocoi adapt``, without any file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monai_mocoi.data.picture_facts import PictureFacts
from monai_mocoi.errors import AdaptError

LARGEST, STEP = 224, 32
"""Pixels: the largest image size that is chosen by itself, and what it is a multiple of."""
_PIXELS_A_BATCH = 64 * LARGEST**2  # that the nine bundles have at most
_LEAST_BATCH = 8
_LITTLE_RANGE = 0.25
_FAR_FROM_SQUARE = 1.2
# Of the nine bundles: one channel, and ImageNet's three.
_NORMALISATION: dict[int, tuple[Any, Any]] = {
    1: (0.5, 0.25),
    3: ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
}
_DEMO = re.compile(r"\$(\d+) if @demo else (\d+)")


@dataclass(frozen=True)
class Labels:
    """What the labels of a data set are.

    Attributes:
        names: of the findings or classes; empty: no image has a label.
        kind: "multilabel" or "softmax", see :func:`~monai_mocoi.data.label_kind`; None: there are none.
    """

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


def whole_number(config: Mapping[str, Any], name: str) -> int:
    """A constant as it is on real data: ``"$64 if @demo else 224"`` is 224.

    Raises:
        AdaptError: it is of another form.
    """
    value = config.get(name)
    if isinstance(value, str) and (parts := _DEMO.fullmatch(value)):
        return int(parts[2])
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise AdaptError(
        f"{name} in train.json of the bundle is {value!r}; mocoi adapt reads a whole number, or one of the form "
        "'$64 if @demo else 224': write it so."
    )


def for_real_data(config: Mapping[str, Any], name: str, value: int) -> int | str:
    """The constant with another number on real data; on phantoms it stays what it was."""
    old = config[name]
    parts = _DEMO.fullmatch(old) if isinstance(old, str) else None
    on_phantoms = int(parts[1]) if parts else int(old)
    return value if value == on_phantoms else f"${on_phantoms} if @demo else {value}"


def choose_settings(
    train: Mapping[str, Any],
    metric: str,
    labels: Labels,
    images: int,
    facts: PictureFacts,
    stated_channels: int | None = None,
    modality: str | None = None,
) -> list[Choice]:
    """Choose what the data set decides.

    Args:
        train: the source bundle's ``train.json``.
        metric: of its ``finetune.json``.
        labels: of the data set.
        images: to pretrain on.
        facts: of its pictures.
        stated_channels: what the manifest says, 1 or 3; None: nothing.
        modality: kind of the images; None: the source's.

    Returns:
        the choices, in the order in which they are shown.

    Raises:
        AdaptError: the manifest says one channel, but most pictures show colour.
    """
    channels = _channels(facts, stated_channels)
    size = _image_size(facts)
    intensity = _intensity(facts)
    batch = _batch_size(whole_number(train, "batch_size"), size.value, images)
    return [
        channels,
        *_normalisation(train, channels.value),
        size,
        _fit(train, facts, modality or train["modality"]),
        intensity,
        _cache_bits(intensity.value, facts),
        batch,
        _queue_size(whole_number(train, "queue_size"), images),
        *_of_labels(labels, metric),
    ]


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


def _normalisation(train: Mapping[str, Any], channels: int) -> Iterator[Choice]:
    same = channels == train["channels"]
    values = (train["mean"], train["std"]) if same else _NORMALISATION[channels]
    why = "as in the source bundle" if same else f"those of the bundles with {channels} channel(s)"
    yield from (Choice(name, value, why) for name, value in zip(("mean", "std"), values, strict=True))


def _image_size(facts: PictureFacts) -> Choice:
    least, middle, most = facts.shorter_sides
    sides = f"{middle} px" if least == most else f"{least} to {most} px, half of them up to {middle}"
    rounded = -(-middle // STEP) * STEP
    if rounded <= LARGEST:
        return Choice("image_size", rounded, f"the shorter sides are {sides}; more would show nothing new")
    return Choice(
        "image_size",
        LARGEST,
        f"the shorter sides are {sides}; findings that are lost at {LARGEST} px need more, at a cost that grows with "
        "the square: --image_size",
    )


def _fit(train: Mapping[str, Any], facts: PictureFacts, modality: str) -> Choice:
    source = train["resize_mode"]
    if source != "fundus":
        return Choice("resize_mode", source, "as in the source bundle")
    # Looking for a disc tells little of whether it is a fundus: in most chest X-rays "one" is found.
    if modality != train["modality"]:
        return Choice("resize_mode", "crop", f"only a {train['modality']} has a disc to cut out")
    if 2 * (facts.without_disc or 0) > facts.read:
        why = f"no disc of a fundus is found in {facts.without_disc} of {facts.read} pictures"
        return Choice("resize_mode", "crop", why)
    return Choice("resize_mode", source, "as in the source bundle; for others than fundus photographs name --modality")


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
    why = "as in the source bundle" if value == source else f"larger ones of {size} px take too much memory"
    return Choice("batch_size", value, why)


def _power_of_two(number: int) -> int:
    """The largest that is not above; 1 for anything below 2."""
    return 1 << max(0, number.bit_length() - 1)


def _queue_size(source: int, images: int) -> Choice:
    value = max(1, min(source, images // 2))
    why = "as in the source bundle" if value == source else f"half of the {images} images to pretrain on"
    return Choice("queue_size", value, why)


def _of_labels(labels: Labels, metric: str) -> Iterator[Choice]:
    if labels.kind is None:
        return
    yield Choice("labels", list(labels.names), "the names in datalist.json")
    yield Choice(
        "label_kind", labels.kind, "each image has a list of them" if labels.kind == "multilabel" else "one an image"
    )
    if labels.kind == "multilabel":
        yield Choice("metric", "macro_auc", "findings")
    else:
        two = " (of two classes the AUC)" if metric == "macro_auc" and len(labels.names) == 2 else ""
        yield Choice("metric", metric, f"as in the source bundle{two}")


def warnings_of(
    train: Mapping[str, Any], choices: Sequence[Choice], facts: PictureFacts, stains_left_out: bool
) -> Iterator[str]:
    """What to look at before a run: what may not fit, though nothing speaks against it for sure.

    Args:
        train: the source bundle's ``train.json``.
        choices: see :func:`choose_settings`.
        facts: of the pictures.
        stains_left_out: the views had a jitter of stains, which grey pictures cannot have.
    """
    chosen = {choice.name: choice.value for choice in choices}
    if chosen["channels"] != train["channels"]:
        meant, found = ("grey" if of["channels"] == 1 else "colour" for of in (train, chosen))
        left_out = " (the jitter of stains is left out)" if stains_left_out else ""
        yield (
            f"{train['bundle']} is made for {meant} pictures, and these are {found}: its random views were chosen for "
            f"others{left_out}. Look at views in train.json and finetune.json."
        )
    if 0 < 2 * facts.coloured <= facts.read and chosen["channels"] == 1:
        yield f"{facts.coloured} of {facts.read} pictures show colour; they are made grey."
    if chosen["resize_mode"] == "fundus" and facts.without_disc:
        yield (
            f"in {facts.without_disc} of {facts.read} pictures no usable fundus is found, at which a run stops: leave "
            "them out by --on_bad_image skip, or take dark and bright ones too by --resize_mode fundus_any."
        )
    if chosen["resize_mode"] == "crop" and facts.long_to_short > _FAR_FROM_SQUARE:
        lost = 1 - 1 / facts.long_to_short
        yield (
            f"half of the pictures are at least {facts.long_to_short:.1f} times as long as wide: resize_mode crop "
            f"leaves out {lost:.0%} of such a one, at its two ends; --resize_mode pad keeps all."
        )
    if facts.unreadable:
        yield f"{facts.unreadable} of {facts.read + facts.unreadable} pictures could not be read: the run names them."
