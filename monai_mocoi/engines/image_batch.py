"""Batches on their way to a network: to the device, in its memory format; and logits on their way out."""

from typing import Any

import torch


def prepare_images(
    batch: dict[str, torch.Tensor],
    device: torch.device | str | None = None,
    non_blocking: bool = False,
    channels_last: bool = False,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Bring ``image`` ``(N, C, H, W)`` of a batch to the device, and ``label``; None where there is none."""
    label = batch.get("label")
    labels = None if label is None else label.to(device, non_blocking=non_blocking)
    return in_format(batch["image"].to(device, non_blocking=non_blocking), channels_last), labels


def prepare_views(
    batch: dict[str, torch.Tensor],
    device: torch.device | str | None = None,
    non_blocking: bool = False,
    channels_last: bool = False,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """As :func:`prepare_images`, for ``view1`` and ``view2``; and ``index`` and ``patient`` ``(N,)``, or None."""
    keys = ("view1", "view2", "index", "patient")
    view1, view2, *known = (batch[k].to(device, non_blocking=non_blocking) if k in batch else None for k in keys)
    assert view1 is not None
    assert view2 is not None
    return in_format(view1, channels_last), in_format(view2, channels_last), known[0], known[1]


def predicted_logits(engine: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits ``(N, classes)`` float64 of a batch for :func:`prepare_images`; in eval mode, without gradient.

    The engine is an :class:`~monai_mocoi.engines.evaluator.AutocastEvaluator` of images.
    """
    images, _ = engine.prepare_batch(batch, engine.state.device, engine.non_blocking)
    with engine.predicting():
        logits = engine.inferer(images, engine.network)
    return at_least_float32(logits).double()


def in_format(images: torch.Tensor, channels_last: bool) -> torch.Tensor:
    """Images ``(N, C, H, W)`` in channels-last memory format; with False as they are."""
    return images.contiguous(memory_format=torch.channels_last) if channels_last else images


def at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """The values in float32 where autocast left fewer digits; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()
