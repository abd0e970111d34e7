"""What trainers and evaluators share: arguments and their checks, a batch on its device, mixed precision."""

import os
from collections.abc import Sequence
from typing import Any, TypedDict

import torch
from monai.inferers import Inferer

from monai_mocoi.engines.measured_precision import measured_precision
from monai_mocoi.errors import SettingsError

PRECISIONS = ("auto", "float32", "bf16", "fp16")
VIEWS = ("view1", "view2", "index", "patient")
"""What pretraining takes of a batch; ``index`` and ``patient`` are ``(N,)``."""
GEOMETRY = ("view1_geometry", "view2_geometry")
"""Where the views lie in their images, see :class:`~monai_mocoi.transforms.TwoViewsd`; for stages that are aligned."""
_PICTURES = {"image", "view1", "view2"}


class EngineOptions(TypedDict, total=False):
    """Arguments of every engine.

    Attributes:
        inferer: calls the network; a MONAI ``SimpleInferer`` by default.
        precision: of :func:`~monai_mocoi.engines.autocast_dtype`; "auto" by default. Losses are in float32 or float64.
        channels_last: pass images in channels-last memory format (convert the network too); True by default.
        epoch_length: batches per epoch; None: all. A trainer takes nothing else.
    """

    inferer: Inferer | None
    precision: str
    channels_last: bool
    epoch_length: int | None


class EvaluatorOptions(EngineOptions, total=False):
    """Arguments of every evaluator. ``val_handlers``: ignite or MONAI handlers, in any order."""

    val_handlers: Sequence[Any] | None


class TrainerOptions(EngineOptions, total=False):
    """Arguments of every trainer by gradients.

    Attributes:
        accumulation_steps: batches per step of the optimiser, 1 or more; what remains at an epoch's end is a step too.
        max_grad_norm: clip the gradient's norm; None: no clipping.
        debug_dir: folder for the report on a loss that is not finite; None: no report.
        train_handlers: ignite or MONAI handlers, in any order.
    """

    accumulation_steps: int
    max_grad_norm: float | None
    debug_dir: str | os.PathLike[str] | None
    train_handlers: Sequence[Any] | None


def check_training(
    max_epochs: int, accumulation_steps: int, max_grad_norm: float | None, epoch_length: int | None, batches: int
) -> None:
    """Refuse (ValueError) a training that could not be run, or not be continued; ``batches`` is what its loader has."""
    if max_epochs < 1:
        raise ValueError(f"max_epochs is {max_epochs}, but must be 1 or more.")
    if accumulation_steps < 1:
        raise ValueError(f"accumulation_steps is {accumulation_steps}, but must be 1 (no accumulation) or more.")
    if max_grad_norm is not None and not max_grad_norm > 0:
        raise ValueError(f"max_grad_norm is {max_grad_norm}, but must be above 0, or null for no clipping.")
    if epoch_length not in (None, batches):
        raise ValueError(
            f"epoch_length is {epoch_length}, but the loader has {batches} batches: an epoch must be one pass over the "
            "data, or a continued run could not find its place. Leave epoch_length out (null), and set the length of "
            "training by max_epochs."
        )
    if batches == 0:
        raise ValueError(
            "there are fewer training images than one batch, so not a single step would be made: lower batch_size (or "
            "add images)."
        )


def check_accumulation(accumulation_steps: int, batches: int) -> None:
    """Refuse (SettingsError) more batches a step than an epoch has: the learning rate of pretraining is for so many."""
    if accumulation_steps > batches:
        raise SettingsError(
            f"accumulation_steps is {accumulation_steps}, but an epoch has {batches} batches: set accumulation_steps "
            f"to {batches} or less, or lower batch_size.",
            "accumulation_steps",
            accumulation_steps,
        )


def autocast_dtype(precision: str, device: torch.device | str) -> torch.dtype | None:
    """Choose the dtype for ``torch.autocast``, that matrix products and convolutions run in; None: no autocast.

    "auto" is half precision (:func:`~monai_mocoi.engines.measured_precision.half_precision`) where a few steps, timed
    once a machine, were faster with it; the answer is kept in the cache folder. "float32" is for float64 networks too.
    An unknown precision, or fp16 on a CPU, is a ValueError.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    kind = torch.device(device).type
    if (precision, kind) == ("fp16", "cpu"):
        raise ValueError("precision 'fp16' needs a GPU: on a CPU choose 'auto', 'bf16' or 'float32'.")
    if precision != "auto":
        return {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    return measured_precision(torch.device(device))


def prepare_images(
    batch: dict[str, torch.Tensor],
    device: torch.device | str | None = None,
    non_blocking: bool = False,
    channels_last: bool = False,
    keys: Sequence[str] = ("image", "label"),
    **_: Any,
) -> tuple[Any, ...]:
    """Bring entries of a batch to the device, pictures ``(N, C, H, W)`` in the memory format; None: it is not there."""
    found: list[torch.Tensor | None] = []
    for key in keys:
        moved = batch[key].to(device, non_blocking=non_blocking) if key in batch or key in _PICTURES else None
        if channels_last and key in _PICTURES and moved is not None:
            moved = moved.contiguous(memory_format=torch.channels_last)
        found.append(moved)
    return tuple(found)


def at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """The values in float32 where autocast left fewer digits; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()
