"""A batch of images on its way through a classifier: to the device, through the network, out as logits."""

from __future__ import annotations

from typing import Any

import torch


def prepare_images(
    batch: dict[str, torch.Tensor],
    device: torch.device | str | None = None,
    non_blocking: bool = False,
    channels_last: bool = False,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Bring a batch to the device.

    Args:
        batch: with ``image`` ``(N, C, H, W)`` and, where known, ``label``.
        device: where to.
        non_blocking: copy asynchronously.
        channels_last: give the images in channels-last memory format.

    Returns:
        the images, and the labels (None where the batch has none).
    """
    label = batch.get("label")
    labels = None if label is None else label.to(device, non_blocking=non_blocking)
    return in_format(batch["image"].to(device, non_blocking=non_blocking), channels_last), labels


def predicted_logits(engine: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Predict a batch, with the network in eval mode and without gradient.

    Args:
        engine: a MONAI ``Evaluator`` with ``network``, ``inferer`` and ``autocast`` (a dtype, or None).
        batch: as for :func:`prepare_images`.

    Returns:
        ``(N, classes)`` float64 on the device.
    """
    images, _ = engine.prepare_batch(batch, engine.state.device, engine.non_blocking)
    with (
        torch.no_grad(),
        engine.mode(engine.network),
        torch.autocast(engine.state.device.type, engine.autocast, enabled=engine.autocast is not None),
    ):
        logits = engine.inferer(images, engine.network)
    return at_least_float32(logits).double()


def in_format(images: torch.Tensor, channels_last: bool) -> torch.Tensor:
    """Images ``(N, C, H, W)`` in channels-last memory format; with False as they are."""
    return images.contiguous(memory_format=torch.channels_last) if channels_last else images


def at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """The values in float32 where autocast left fewer digits; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()
