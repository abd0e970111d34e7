"""Batches of random views: drawn image by image, made at once where the loader reads, or on the training device."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from monai_mocoi.metrics.inputs import UNKNOWN
from monai_mocoi.transforms.on_device import on_device
from monai_mocoi.transforms.two_views_dict import TwoViewsd


def draws_batches(transform: Any) -> bool:
    """Whether a data set's transform can draw the views of a batch at once."""
    return isinstance(transform, TwoViewsd) and transform.views.plan is not None and not transform.keep


def drawn(
    views: TwoViewsd, samples: Sequence[Mapping[str, Any]], images: torch.Tensor, seeds: Sequence[int], later: bool
) -> dict[str, Any]:
    """A batch of samples, with the views that each has alone.

    ``samples``: what is known of each, such as ``index``, ``patient`` and ``label``. ``images``: (N, C, H, W), 8 or 16
    bits. ``seeds``: of each image's views. Returns what is known, stacked, and the two views (N, C, rows, columns),
    float32, with their ``geometry`` where the transform gives it. With ``later`` it has instead ``image`` and ``drawn``
    (2, N, numbers), for :func:`views_of`.
    """
    batch = {name: torch.stack([torch.as_tensor(sample[name]) for sample in samples]) for name in samples[0]}
    numbers = np.stack([views.views.draw(seed, tuple(images.shape[1:])) for seed in seeds], axis=1)
    batch |= {"image": images, "drawn": torch.from_numpy(numbers)}
    return batch if later else views_of(batch, views, "cpu")


def views_of(
    batch: dict[str, Any], views: TwoViewsd | None, device: torch.device | str, non_blocking: bool = False
) -> dict[str, Any]:
    """A batch with its two views in the place of ``image`` and ``drawn``; one that has them is left as it is."""
    if views is None or "drawn" not in batch:
        return batch
    images = batch["image"].to(device, non_blocking=non_blocking)
    rest = {name: value for name, value in batch.items() if name not in ("image", "drawn")}
    draws = batch["drawn"].numpy()
    found = list(views.views.of_batch(images, draws))
    if views.geometry_keys:
        found.extend(on_device(views.views.maps(draws, tuple(images.shape[1:])), images.device).unbind())
    keys = (*views.view_keys, *views.geometry_keys)
    return {**rest, **{str(key): value for key, value in zip(keys, found, strict=True)}}


def label_tensor(label: Any) -> torch.Tensor:
    """Label of an image: int64 for a class; float32 (findings,) for several, ``UNKNOWN`` (-1) where not known."""
    if not isinstance(label, list):
        return torch.tensor(label, dtype=torch.int64)
    return torch.tensor([UNKNOWN if value is None else value for value in label], dtype=torch.float32)
