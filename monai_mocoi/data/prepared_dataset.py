"""The images of a split as a network needs them: decoded, fitted and normalised as the file beside its weights says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai.transforms import Compose

from monai_mocoi.data.cache_bits import resolved_cache_bits
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.transforms import FitSquare, FitSquared, Normalized, ReadImage, RescaleIntensity

PREPARATION = ("channels", "intensity", "decode_size", "decode_fit", "cache_bits", "image_size", "mean", "std")
"""What a classifier's sidecar says of how its images are prepared; see docs/finetuning.md."""


def decode_of(preparation: Mapping[str, Any]) -> Compose:
    """Path -> tensor: the part whose results are cached."""
    return Compose(
        [
            ReadImage(channels=preparation["channels"]),
            RescaleIntensity(mode=preparation["intensity"]),
            FitSquare(size=preparation["decode_size"], mode=preparation["decode_fit"]),
        ]
    )


def with_bits(preparation: Mapping[str, Any], training: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The preparation with ``cache_bits`` "auto" resolved, by the training images, as fine-tuning resolves it."""
    bits = resolved_cache_bits(preparation["cache_bits"], training, decode_of(preparation))
    return {**preparation, "cache_bits": bits}


def evaluation_dataset(
    items: Sequence[Mapping[str, Any]], preparation: Mapping[str, Any], normalise: bool = True, **options: Any
) -> ImageDataset:
    """Make the data set that a network is tested on: without augmentation.

    ``preparation`` has the values of ``PREPARATION``, such as a classifier's sidecar, with ``cache_bits`` 8 or 16;
    without ``normalise`` the values stay in 0..1; ``options`` are of :class:`~monai_mocoi.data.ImageDataset`.
    """
    own = {name: preparation[name] for name in PREPARATION}
    plain: list[Any] = [FitSquared(keys="image", size=own["image_size"])]
    if normalise:
        plain.append(Normalized(keys="image", mean=own["mean"], std=own["std"]))
    return ImageDataset(items, decode_of(own), Compose(plain), bits=own["cache_bits"], **options)
