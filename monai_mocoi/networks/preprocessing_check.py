"""Preprocessing check: whether images are prepared as they were when the weights were learnt."""

from collections.abc import Mapping, Sequence
from typing import Any

_IMAGENET = "mean [0.485, 0.456, 0.406] and std [0.229, 0.224, 0.225]"
_OTHER_ORGAN = (
    "the pretrained weights have learnt from images of another kind: encoder: {}; this bundle: {}. Are these the "
    "encoder and the bundle that you want?"
)


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
        sidecar: :attr:`~monai_mocoi.networks.Pretrained.sidecar`.
        mean, std: of images of 0..1; one number, or one a channel.
        channels: of the images, 1 or 3.
        image_size, modality: pixels a side, and kind of the images, such as "chest"; None: not compared.
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
