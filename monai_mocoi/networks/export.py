"""Export of weights: a state dict in another library's names, tried in its own network before it is kept."""

import os
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.files.atomic_write import atomic_path, torch_bytes, write_bytes, write_json
from monai_mocoi.networks.encoder_card import card_path
from monai_mocoi.networks.export_layouts import LAYOUTS, Target
from monai_mocoi.networks.export_source import Export, Source, check_out, difference, read_source
from monai_mocoi.networks.resnet_shape import stage_in_words
from monai_mocoi.networks.weight_files import read_weights
from monai_mocoi.networks.weights import weights_sha256

SUFFIXES = (".pt", ".safetensors")
TOLERANCE = 1e-9
"""Of the proof: largest difference of the outputs, computed in float64, as a share of the largest output."""
_CHANNEL_RULE = "a one-channel image is given as three equal channels, each with the same mean and std"


def export_weights(
    weights: str | os.PathLike[str], to: str, out: str | os.PathLike[str], overwrite: bool = False
) -> Export:
    """Write an encoder or a classifier for another library, with a JSON file beside it that says how to use it.

    The file is read back and tried in the library's own network, on colour and on grey images, before it takes its
    name.

    Args:
        weights: see :func:`~monai_mocoi.networks.read_weights`; a classifier of stage 4.
        to: "torchvision", "timm" or "monai". timm must be installed; without torchvision, MONAI's network of the same
            names, strides and outputs takes its place.
        out: the file to write, ending in ``.pt`` or ``.safetensors``. A classifier's linear layer is ``fc``; an encoder
            has none.
        overwrite: replace ``out`` and the JSON file beside it; never the original ones.

    A WeightsError: anything of the above is not so, the library has no such network, its outputs differ, or the weights
    were trained on identified data.
    """
    if to not in LAYOUTS:
        raise WeightsError(f"there is no layout {to!r}: choose one of {', '.join(LAYOUTS)}.")
    weights, out = Path(weights), Path(out)
    check_out(weights, out, overwrite, SUFFIXES)
    source = read_source(weights, torch.float64, plain_fc=True)
    if source.head and source.stage != 4:
        raise WeightsError(
            f"the classifier in {weights.name!r} reads {stage_in_words(source.stage)}, but a ResNet of torchvision, "
            "timm or MONAI classifies the last stage: export the whole network (torchscript, pt2, onnx), train one of "
            "stage 4, or export the encoder.pt that it started from.",
            code="stage",
        )
    state = source.encoder | {f"fc.{name}": value for name, value in source.head.items()}
    state = {name: value.contiguous() for name, value in state.items()}
    target = LAYOUTS[to](source.shape, source.classes)
    content = {
        "format": 1,
        "names": to,
        "architecture": source.shape.in_words,
        "opens_with": target.opens_with,
        "in_channels": source.shape.in_channels,
        "classes": source.classes,
        **source.handed_on(),
        "weights_sha256": weights_sha256(state),
    }
    if source.shape.in_channels == 3:  # for a library without StageEncoder's rule
        content["channel_rule"] = _CHANNEL_RULE
    if source.classes is None:
        content = {name: value for name, value in content.items() if name not in ("kind", "labels", "thresholds")}
    with atomic_path(out) as temporary:
        if out.suffix == ".safetensors":
            write_bytes(temporary, safetensors.torch.save(state, metadata={"format": "pt"}))
        else:
            write_bytes(temporary, torch_bytes(state))
        content["proof"] = proof = _prove(read_weights(temporary).resnet, source, target, to)
        write_json(card_path(out), content)
    return Export(out, content, proof)


@torch.no_grad()
def _prove(state: Mapping[str, torch.Tensor], source: Source, target: Target, to: str) -> str:
    network = target.network.double().eval()
    try:
        network.load_state_dict(dict(state))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"the weights do not fit {target.library}'s network, nothing was written: {reason}"
        ) from error
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, source.shape.in_channels, 64, 64, dtype=torch.float64, generator=generator)
    grey = images[2:, :1]
    images[2:] = grey
    # Grey images enter our network as one channel, the library's as equal ones.
    ours = torch.cat([source.network(images[:2]), source.network(grey)])
    remedy = f"Another version of it may help, or another layout than {to}."
    largest = difference(ours, network(images), TOLERANCE, f"{target.library}'s network", remedy)
    return f"{target.library}: largest difference {largest:.0e} of the largest output, in float64"
