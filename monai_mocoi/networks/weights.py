"""Encoder weights in and out: ``encoder.pt``, a plain state dict in torchvision's names, and its JSON sidecar."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_mocoi.atomic_write import write_bytes
from monai_mocoi.networks.stage_encoder import StageEncoder


class WeightsError(ValueError):
    """A weights file that cannot be used; the text says why and what to do."""


class LoadReport(NamedTuple):
    """What loading did, by names of parameters and buffers."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    """Names of the encoder that the file does not have; they keep their values."""
    unexpected: tuple[str, ...]
    """Names of the file that the encoder does not have, such as a classification layer; they are ignored."""

    def __str__(self) -> str:
        def some(names: tuple[str, ...]) -> str:
            return ": " + ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else ""

        return (
            f"{len(self.matched)} matched, {len(self.missing)} missing{some(self.missing)}, "
            f"{len(self.unexpected)} unexpected{some(self.unexpected)}"
        )


def encoder_state_dict(encoder: StageEncoder) -> dict[str, torch.Tensor]:
    """The encoder's state in torchvision's names, on the CPU, in torchvision's (contiguous) memory format.

    Args:
        encoder: its backbone should have torchvision's layout (see :class:`StageEncoder`) for others to load it.

    Returns:
        ``{"conv1.weight": ..., "layer1.0.conv1.weight": ...}`` without classification layer.
    """
    return {
        name: value.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
        for name, value in encoder.backbone.state_dict().items()
    }


def save_encoder(path: str | os.PathLike[str], encoder: StageEncoder, sidecar: Mapping[str, Any]) -> None:
    """Write the encoder and, beside it, what a user must know to use it; the sidecar first, each file in one step.

    Args:
        path: of the weights, ending in ``.pt``; the sidecar has the same name with ``.json``.
        encoder: whose weights to write.
        sidecar: plain values (others are written as text): method, input size, channel rule, mean and std, dataset
            hash, settings.
    """
    path = Path(path)
    text = json.dumps(dict(sidecar), indent=2, allow_nan=False, default=str) + "\n"
    write_bytes(path.with_suffix(".json"), text.encode())
    # Through memory: torch.save to a file loses the reason, such as a full disk, why it could not be written.
    content = io.BytesIO()
    torch.save(encoder_state_dict(encoder), content)
    write_bytes(path, content.getbuffer())


def load_encoder(encoder: nn.Module, path: str | os.PathLike[str]) -> LoadReport:
    """Load weights into an encoder, and tell what matched.

    Args:
        encoder: a :class:`StageEncoder`, or a plain ResNet with torchvision's names (MONAI's or torchvision's own);
            changed in place.
        path: an ``encoder.pt``, or any state dict in torchvision's ResNet names (torchvision's or timm's file).

    Returns:
        the report; print it.

    Raises:
        WeightsError: no such file, not a state dict, not a single name matched, or a matched name of another shape.
            The encoder is not changed then.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"there is no weights file {path.name!r} at the place given: check the path.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path.name!r} could not be read as a weights file ({type(error).__name__}): it is damaged, or it holds "
            "more than tensors. Save a plain state dict with torch.save(model.state_dict(), ...)."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise WeightsError(f"{path.name!r} is not a plain state dict of tensors: save model.state_dict() itself.")
    backbone = encoder.backbone if isinstance(encoder, StageEncoder) else encoder
    own = backbone.state_dict()
    report = LoadReport(
        matched=tuple(name for name in own if name in state),
        missing=tuple(name for name in own if name not in state),
        unexpected=tuple(name for name in state if name not in own),
    )
    if not report.matched:
        raise WeightsError(
            f"no weight of {path.name!r} fits this encoder ({report}): the encoder expects torchvision's ResNet names, "
            "such as conv1.weight and layer1.0.conv1.weight."
        )
    for name in report.matched:
        if state[name].shape != own[name].shape:
            raise WeightsError(
                f"{name} has shape {tuple(state[name].shape)} in {path.name!r}, but {tuple(own[name].shape)} in this "
                "encoder: build the encoder with the same depth and number of input channels."
            )
    backbone.load_state_dict(state, strict=False)
    return report
