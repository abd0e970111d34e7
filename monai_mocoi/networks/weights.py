"""Encoder weights as a state dict in torchvision's names: taken out, hashed, saved, and loaded with a report."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.files.atomic_write import write_torch
from monai_mocoi.networks.encoder_card import EncoderCard, card_path
from monai_mocoi.networks.stage_encoder import StageEncoder
from monai_mocoi.networks.weight_files import WeightFile, read_weights
from monai_mocoi.networks.weights_architecture import check_architecture

_TRUNK = ("conv1.", "bn1.", "layer")
_COUNTER = "num_batches_tracked"  # of no influence on any output; files of before 2018 lack it


def encoder_state_dict(encoder: StageEncoder) -> dict[str, torch.Tensor]:
    """The encoder's state in torchvision's names, without classification layer: on the CPU, contiguous.

    Its backbone should have torchvision's layout (see :class:`StageEncoder`) for others to load it.
    """
    return {
        name: value.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
        for name, value in encoder.backbone.state_dict().items()
    }


def weights_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """A hash of weights that does not depend on the file that they are in, nor on the order of their names.

    It is the SHA-256, in hexadecimal digits, of each name, kind of number, shape and value's bytes. The tensors are on
    any device; of an encoder :func:`encoder_state_dict`'s.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().to("cpu", memory_format=torch.contiguous_format)
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_encoder(path: str | os.PathLike[str], encoder: StageEncoder, card: Mapping[str, Any]) -> None:
    """Write the encoder to a ``.pt`` file and, beside it, its card (``.json``); the card first, each in one step.

    ``card`` is an :class:`EncoderCard`, or a mapping of its fields.
    """
    EncoderCard.of(card).write(card_path(path))
    write_torch(Path(path), encoder_state_dict(encoder))


def check_finite(state: Mapping[str, torch.Tensor], name: str) -> None:
    """Refuse weights by name that hold NaN or infinity with a WeightsError that names the file."""
    for key, value in state.items():
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{key} in {name!r} holds NaN or infinite values: the weights cannot be used.")


class LoadReport(NamedTuple):
    """What loading did, by names of parameters and buffers."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]  # of the encoder, not in the file; they keep their values
    unexpected: tuple[str, ...]  # of the file, not in the encoder, such as a classification layer; they are ignored
    prefix: str = ""  # what stood before each matched name in the file, such as ``module.encoder_q.``
    averages: tuple[str, ...] = ()  # how the names of those networks begin that are moving averages of this one

    def __str__(self) -> str:
        words = [f"{len(self.matched)} matched" + (f" (below {self.prefix!r})" if self.prefix else "")]
        for what, names in (("missing", self.missing), ("unexpected", self.unexpected)):
            some = ", ".join([*names[:5], *(["..."] if len(names) > 5 else [])])
            words.append(f"{len(names)} {what}{': ' + some if some else ''}")
        left_out = f"; left out as the moving average: {', '.join(map(repr, self.averages))}" if self.averages else ""
        return ", ".join(words) + left_out


def load_encoder(encoder: nn.Module, path: str | os.PathLike[str]) -> LoadReport:
    """Load weights into an encoder, and tell what matched; missing are at most BatchNorm's counters.

    Args:
        encoder: a :class:`StageEncoder`, or a plain ResNet with torchvision's names (MONAI's or torchvision's own);
            changed in place. A classification layer (``fc``) is left as it is.
        path: see :func:`~monai_mocoi.networks.read_weights`.

    Raises:
        WeightsError: the file cannot be read; a weight is missing, has another shape or is not finite; or the file has
            layers that the encoder does not. The encoder is not changed then.
    """
    return load_weights(encoder, read_weights(path), Path(path).name)


def load_weights(encoder: nn.Module, file: WeightFile, name: str) -> LoadReport:
    """Load weights that were read already; ``name`` is for the error's text. See :func:`load_encoder`."""
    backbone = encoder.backbone if isinstance(encoder, StageEncoder) else encoder
    own = {key: value for key, value in backbone.state_dict().items() if not key.startswith("fc.")}
    state = file.resnet
    report = LoadReport(
        matched=tuple(key for key in own if key in state),
        missing=tuple(key for key in own if key not in state),
        unexpected=(*(key for key in state if key not in own), *file.rest),
        prefix=file.prefix,
        averages=file.averages,
    )
    if not report.matched:
        raise WeightsError(
            f"no weight of {name!r} fits this encoder ({report}): the encoder must have torchvision's ResNet names, "
            "such as conv1.weight and layer1.0.conv1.weight."
        )
    check_architecture(state, own, name)
    for key in report.matched:
        _check_shape(key, tuple(state[key].shape), tuple(own[key].shape), name)
    lacking = [key for key in report.missing if not key.endswith(_COUNTER)]
    excess = [key for key in report.unexpected if key in state and key.startswith(_TRUNK)]
    if lacking or excess:
        lacks = f"lacks {len(lacking)} of the encoder's weights ({', '.join(lacking[:3])})" if lacking else ""
        has = f"has {len(excess)} that the encoder lacks ({', '.join(excess[:3])})" if excess else ""
        what = " and ".join(filter(None, (lacks, has)))
        raise WeightsError(
            f"{name!r} {what}, so it is a ResNet of another depth or kind: take a file of the same ResNet."
        )
    check_finite({key: state[key] for key in report.matched}, name)
    backbone.load_state_dict({key: state[key] for key in report.matched}, strict=False)
    return report


def _check_shape(key: str, shape: tuple[int, ...], wanted: tuple[int, ...], name: str) -> None:
    if shape == wanted:
        return
    what = f"{key} has shape {shape} in {name!r}, but {wanted} in this encoder"
    if key == "conv1.weight" and len(shape) == len(wanted) == 4 and shape[1] != wanted[1]:
        raise WeightsError(
            f"{what}: those weights take images of {shape[1]} channels, this encoder of {wanted[1]}. Build the encoder "
            f"with n_input_channels={shape[1]}, or take other weights. (Grey images enter a three-channel encoder as "
            "three equal channels: they need no encoder of their own.)"
        )
    raise WeightsError(f"{what}: build the encoder with the same depth, width and number of input channels.")
