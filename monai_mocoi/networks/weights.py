"""Encoder weights as a state dict in torchvision's names: taken out, hashed, checked and saved."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.files.atomic_write import write_torch
from monai_mocoi.networks.encoder_card import EncoderCard, card_path
from monai_mocoi.networks.stage_encoder import StageEncoder


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


def weights_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """A hash of weights that does not depend on the file that they are in, nor on the order of their names.

    Args:
        state: tensors by name, on any device; for an encoder :func:`encoder_state_dict`'s.

    Returns:
        the SHA-256, in hexadecimal digits, of each name, kind of number, shape and value's bytes.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().to("cpu", memory_format=torch.contiguous_format)
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_encoder(path: str | os.PathLike[str], encoder: StageEncoder, card: Mapping[str, Any]) -> None:
    """Write the encoder and, beside it, what a user must know to use it; the card first, each file in one step.

    Args:
        path: of the weights, ending in ``.pt``; the card has the same name with ``.json``.
        encoder: whose weights to write.
        card: an :class:`EncoderCard`, or a mapping of its fields.
    """
    EncoderCard.of(card).write(card_path(path))
    write_torch(Path(path), encoder_state_dict(encoder))


def check_finite(state: Mapping[str, torch.Tensor], name: str) -> None:
    """Refuse weights by name that hold NaN or infinity with a WeightsError that names the file."""
    for key, value in state.items():
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{key} in {name!r} holds NaN or infinite values: the weights cannot be used.")
