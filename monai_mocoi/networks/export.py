"""Weights for other libraries: a state dict in their names, tried in their own network before it is kept."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import monai
import safetensors.torch
import torch
from monai.networks.nets import ResNet
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.files.atomic_write import atomic_path, write_json
from monai_mocoi.networks.identified import check_not_identified
from monai_mocoi.networks.resnet_shape import ResNetShape, shape_of_resnet
from monai_mocoi.networks.stage_choice import stage_in_words, stage_of_width
from monai_mocoi.networks.stage_encoder import StageEncoder
from monai_mocoi.networks.torchvision_layout import TorchvisionLayout
from monai_mocoi.networks.weight_files import WeightFile, read_weights, sidecar_path
from monai_mocoi.networks.weights import check_finite, load_weights, weights_sha256

SUFFIXES = (".pt", ".safetensors")
TOLERANCE = 1e-9
"""Of the proof: largest difference of the outputs, computed in float64, as a share of the largest output."""

# What the sidecar hands on: how images are prepared, what the outputs mean, where the weights come from.
HANDED_ON = (
    *("method", "modality", "image_size", "decode_size", "decode_fit", "channels", "channel_rule", "value_range"),
    *("intensity", "cache_bits", "mean", "std", "kind", "labels", "thresholds", "dataset_sha256"),
)
_CHANNEL_RULE = "a one-channel image is given as three equal channels, each with the same mean and std"


class _Target(NamedTuple):
    """A library's network to try the weights in, and how its users open the file."""

    network: nn.Module
    library: str
    opens_with: str


class Export(NamedTuple):
    """What an export wrote."""

    path: Path
    sidecar: dict[str, Any]
    """Content of the JSON file beside it."""
    proof: str
    """In which network the file was tried, and how far its outputs were from ours."""


def export_weights(
    weights: str | os.PathLike[str], to: str, out: str | os.PathLike[str], overwrite: bool = False
) -> Export:
    """Write an encoder or a classifier for another library, with a JSON file beside it that says how to use it.

    The file is read back and tried in the library's own network, on colour and on grey images, before it takes its
    name.

    Args:
        weights: an ``encoder.pt``, a ``classifier.pt`` of stage 4, or any file that
            :func:`~monai_mocoi.networks.read_weights` reads.
        to: "torchvision", "timm" or "monai". timm must be installed; for torchvision's names a network with its
            layout is at hand.
        out: the file to write, ending in ``.pt`` or ``.safetensors``. A classifier's linear layer is ``fc``; an encoder
            has none.
        overwrite: replace ``out`` and the JSON file beside it; never the original ones.

    Returns:
        what was written.

    Raises:
        WeightsError: anything of the above is not so, the library has no such network, its outputs differ, or the
            weights were trained on identified data.
    """
    if to not in LAYOUTS:
        raise WeightsError(f"there is no layout {to!r}: choose one of {', '.join(LAYOUTS)}.")
    weights, out = Path(weights), Path(out)
    check_out(weights, out, overwrite, SUFFIXES)
    check_not_identified(weights)
    file = read_weights(weights)
    state, classes = _state(file, weights.name)
    reference = _reference(file, state, weights.name)
    shape = shape_of_resnet(state)
    target = LAYOUTS[to](shape, classes)
    sidecar = _sidecar(file.sidecar or {}, to, shape, classes, target, state)
    with atomic_path(out) as temporary:
        _write(temporary, state)
        proof = _prove(read_weights(temporary).resnet, reference, target, shape, to)
        write_json(sidecar_path(out), {**sidecar, "proof": proof})
    return Export(out, {**sidecar, "proof": proof}, proof)


def check_out(weights: Path, out: Path, overwrite: bool, suffixes: Sequence[str]) -> None:
    """Refuse a file that cannot or must not be written.

    Raises:
        WeightsError: it has another suffix, belongs to the weights, is a folder, or exists and is not to be replaced.
    """
    if out.suffix not in suffixes:
        raise WeightsError(f"the file to write is named {out.name!r}, but must end in {' or '.join(suffixes)}.")
    originals = {path.resolve() for path in (weights, sidecar_path(weights))}
    for path in (out, sidecar_path(out)):
        if path.resolve() in originals:
            raise WeightsError(
                f"{path.name!r} belongs to the weights that are exported: give --out another folder, or a name that "
                "differs not only in its suffix, for a JSON file is written beside it."
            )
        if path.is_dir():
            raise WeightsError(f"{path.name!r} is a folder: name the file to write.")
        if path.exists() and not overwrite:
            raise WeightsError(f"{path.name!r} exists already: choose another name, or replace it with --overwrite.")


def _state(file: WeightFile, name: str) -> tuple[dict[str, torch.Tensor], int | None]:
    """The names to write, which the three libraries share, and the number of classes."""
    state = {key: value.contiguous() for key, value in file.resnet.items() if not key.startswith("fc.")}
    head = {key: file.resnet.get(f"fc.{key}") for key in ("weight", "bias")}
    if file.prefix == "encoder.backbone.":  # a Classifier of ours
        head = {key: file.rest.get(f"head.{key}") for key in ("weight", "bias")}
    elif file.prefix:  # MoCo's fc, say, is no classification layer
        return state, None
    weight, bias = head["weight"], head["bias"]
    if weight is None or bias is None:
        return state, None
    channels = shape_of_resnet(state).stage_channels
    if weight.shape[1] != channels[-1]:
        stage = stage_of_width(weight.shape[1], channels)
        raise WeightsError(
            f"the classifier in {name!r} stands on {stage_in_words(stage) if stage else 'other features'}, but a "
            "ResNet of torchvision, timm or MONAI classifies the last stage: export the whole network by --to "
            "torchscript, pt2 or onnx, train one with --stage 4, or export the encoder.pt that it started from."
        )
    state |= {"fc.weight": weight.contiguous(), "fc.bias": bias.contiguous()}
    check_finite(state, name)
    return state, len(weight)


def _reference(
    file: WeightFile, state: Mapping[str, torch.Tensor], name: str
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Our own network with the weights, in float64: images to logits, or to the embedding where there is no head."""
    shape = shape_of_resnet(state)
    encoder = StageEncoder(monai_resnet(shape, None)).double().eval()
    load_weights(encoder, file, name)

    def forward(images: torch.Tensor) -> torch.Tensor:
        embedding = encoder(images).embedding
        if "fc.weight" not in state:
            return embedding
        return nn.functional.linear(embedding, state["fc.weight"].double(), state["fc.bias"].double())

    return forward


def monai_resnet(shape: ResNetShape, classes: int | None) -> ResNet:
    """MONAI's ResNet of a shape, with torchvision's strides; ``classes`` None: without its last layer."""
    return ResNet(
        shape.block,
        list(shape.layers),
        list(shape.planes),
        spatial_dims=2,
        n_input_channels=shape.in_channels,
        conv1_t_stride=2,
        bias_downsample=shape.downsample_bias,
        num_classes=classes or 1,
        feed_forward=classes is not None,
    )


def _monai(shape: ResNetShape, classes: int | None) -> _Target:
    name = f"{shape.name}(" if shape.name else f"ResNet({shape.block!r}, {list(shape.layers)}, {list(shape.planes)}, "
    last = "feed_forward=False" if classes is None else f"num_classes={classes}"
    call = (
        f"monai.networks.nets.{name}spatial_dims=2, n_input_channels={shape.in_channels}, conv1_t_stride=2, "
        f"bias_downsample={shape.downsample_bias}, {last})"
    )
    return _Target(monai_resnet(shape, classes), f"MONAI {monai.__version__}", call)


def _torchvision(shape: ResNetShape, classes: int | None) -> _Target:
    name = _name_of(shape, "torchvision")
    if shape.in_channels != 3:
        raise WeightsError(
            f"the weights take images of {shape.in_channels} channel(s), but torchvision's ResNets take 3: choose "
            "monai or timm, which have them with any number."
        )
    call = f"torchvision.models.{name}(weights=None" + (")" if classes is None else f", num_classes={classes})")
    if classes is None:
        call += ", then net.fc = torch.nn.Identity()"
    return _Target(TorchvisionLayout(shape.block, shape.layers, classes), "torchvision's layout", call)


def _timm(shape: ResNetShape, classes: int | None) -> _Target:
    name = _name_of(shape, "timm")
    other = "--to torchvision writes the same names, and needs nothing more" if shape.in_channels == 3 else ""
    try:
        import timm
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise WeightsError(_broken("timm", error, other)) from error
        raise WeightsError(
            "timm is not installed, so the file could not be tried in it: pip install timm"
            + (f". Or: {other}." if other else ".")
        ) from error
    except Exception as error:
        raise WeightsError(_broken("timm", error, other)) from error
    call = f"timm.create_model({name!r}, num_classes={classes or 0}, in_chans={shape.in_channels})"
    network = timm.create_model(name, pretrained=False, num_classes=classes or 0, in_chans=shape.in_channels)
    return _Target(network, f"timm {timm.__version__}", call)


LAYOUTS: dict[str, Callable[[ResNetShape, int | None], _Target]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "monai": _monai,
}


def _broken(library: str, error: Exception, other: str) -> str:
    first = str(error).splitlines()[0] if str(error) else ""
    return (
        f"{library} is installed, but cannot be imported ({type(error).__name__}: {first}), so the file could not be "
        "tried in it: mend it, for example with pip install --upgrade torchvision timm"
        f"{f'. Or: {other}.' if other else '.'}"
    )


def _name_of(shape: ResNetShape, library: str) -> str:
    if shape.name is None:
        raise WeightsError(
            f"{library} has no ResNet of {list(shape.layers)} {shape.block} blocks with {list(shape.planes)} channels "
            "(it has ResNet-18, 34, 50, 101 and 152): choose monai."
        )
    return shape.name


def _sidecar(
    known: Mapping[str, Any],
    to: str,
    shape: ResNetShape,
    classes: int | None,
    target: _Target,
    state: Mapping[str, torch.Tensor],
) -> dict[str, Any]:
    result = {
        "format": 1,
        "names": to,
        "architecture": shape.name or f"{shape.block} {list(shape.layers)} {list(shape.planes)}",
        "opens_with": target.opens_with,
        "in_channels": shape.in_channels,
        "classes": classes,
        **{key: known[key] for key in HANDED_ON if key in known},
        "weights_sha256": weights_sha256(state),
    }
    if shape.in_channels == 3:
        result["channel_rule"] = _CHANNEL_RULE  # for a library without StageEncoder's
    if classes is None:
        for key in ("kind", "labels", "thresholds"):
            result.pop(key, None)
    return result


def _write(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    # Through memory: torch.save to a file loses the reason, such as a full disk, why it could not be written.
    if path.suffix == ".safetensors":
        content = safetensors.torch.save(dict(state), metadata={"format": "pt"})
    else:
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        content = buffer.getvalue()
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@torch.no_grad()
def _prove(
    state: Mapping[str, torch.Tensor],
    reference: Callable[[torch.Tensor], torch.Tensor],
    target: _Target,
    shape: ResNetShape,
    to: str,
) -> str:
    network = target.network.double().eval()
    try:
        network.load_state_dict(dict(state))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"the weights do not fit {target.library}'s network, nothing was written: {reason}"
        ) from error
    images = torch.rand(4, shape.in_channels, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    grey = images[2:, :1]
    images[2:] = grey
    # Grey images enter our network as one channel, the library's as equal ones.
    ours = torch.cat([reference(images[:2]), reference(grey)])
    theirs = network(images)
    if ours.shape != theirs.shape:
        raise WeightsError(
            f"{target.library}'s network gives outputs of shape {tuple(theirs.shape)}, ours {tuple(ours.shape)}: "
            f"nothing was written. Another version of it may help, or another layout than {to}."
        )
    difference = float((ours - theirs).abs().max() / ours.abs().max().clamp(min=torch.finfo(torch.float64).tiny))
    if not difference <= TOLERANCE:  # NaN too
        raise WeightsError(
            f"{target.library}'s network gives other outputs than ours (difference {difference:.1e} of the largest): "
            f"nothing was written. Another version of it may help, or another layout than {to}."
        )
    return f"{target.library}: largest difference {difference:.0e} of the largest output, in float64"
