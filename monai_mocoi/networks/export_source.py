"""What is exported: an encoder or classifier, read once for all formats; and what every export checks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.architectures import ResNetShape
from monai_mocoi.networks.classifier_card import EXPORT, ClassifierCard
from monai_mocoi.networks.encoder_card import card_path
from monai_mocoi.networks.known_images import check_not_identified
from monai_mocoi.networks.resnet_shape import monai_resnet, shape_of_resnet, stage_of_width
from monai_mocoi.networks.scriptable_classifier import ScriptableClassifier
from monai_mocoi.networks.stage_encoder import StageEncoder
from monai_mocoi.networks.weight_files import read_weights
from monai_mocoi.networks.weights import check_finite, load_weights


class Export(NamedTuple):
    """What an export wrote."""

    path: Path
    card: dict[str, Any]  # content of the JSON file beside it
    proof: str  # in which network the file was tried, and how far its outputs were from ours


class Source(NamedTuple):
    """What is exported."""

    network: ScriptableClassifier  # in evaluation, without gradients
    encoder: dict[str, torch.Tensor]  # the encoder's weights as they are in the file, in torchvision's names
    head: dict[str, torch.Tensor]  # weight and bias of the linear layer; empty for an encoder
    shape: ResNetShape
    stage: int | str  # whose features the linear layer reads; 4 for an encoder
    card: dict[str, Any]  # what is known of the weights

    @property
    def classes(self) -> int | None:
        """Outputs of the linear layer; None: there is none."""
        return len(self.head["weight"]) if self.head else None

    def handed_on(self) -> dict[str, Any]:
        """What the JSON file beside the export repeats: how images are prepared, and what the outputs mean."""
        return {name: self.card[name] for name in ClassifierCard.told_in(EXPORT) if name in self.card}


def read_source(weights: Path, dtype: torch.dtype = torch.float32, plain_fc: bool = False) -> Source:
    """Read what :func:`~monai_mocoi.networks.read_weights` reads. With ``plain_fc`` a ResNet's own ``fc`` is its head.

    What cannot be used, or was trained on identified data, is a WeightsError.
    """
    check_not_identified(weights)
    file = read_weights(weights)
    card = dict(file.card or {})
    encoder = {key: value for key, value in file.resnet.items() if not key.startswith("fc.")}
    shape = shape_of_resnet(encoder)
    own = StageEncoder(monai_resnet(shape, None)).to(dtype)
    load_weights(own, file, weights.name)
    found, place = (file.resnet, "fc") if plain_fc and not file.prefix else ({}, "head")
    if file.prefix == "encoder.backbone.":  # a Classifier of ours; MoCo's fc, say, is no classification layer
        found, place = file.rest, "head"
    head = {name: found[f"{place}.{name}"] for name in ("weight", "bias") if f"{place}.{name}" in found}
    if len(head) < 2:
        return Source(_finished(own, nn.Identity(), 4), encoder, {}, shape, 4, card)
    check_finite({f"{place}.{name}": value for name, value in head.items()}, weights.name)
    classes, width = head["weight"].shape
    stage = card.get("stage") or stage_of_width(width, shape.stage_channels)
    if stage is None:
        raise WeightsError(
            f"the linear layer in {weights.name!r} reads {width} features, which are those of no stage of its encoder, "
            "nor of all four: it is no classifier of ours."
        )
    layer = nn.Linear(width, classes).to(dtype)
    layer.load_state_dict(head)
    return Source(_finished(own, layer, stage), encoder, head, shape, stage, card)


def _finished(encoder: StageEncoder, head: nn.Module, stage: int | str) -> ScriptableClassifier:
    return ScriptableClassifier(encoder, head, stage).eval().requires_grad_(False)


def check_out(weights: Path, out: Path, overwrite: bool, suffixes: Sequence[str]) -> None:
    """Refuse a file that belongs to the weights, is a folder, has another suffix, or exists (code "exists")."""
    if out.suffix not in suffixes:
        raise WeightsError(f"the file to write is named {out.name!r}, but must end in {' or '.join(suffixes)}.")
    originals = {path.resolve() for path in (weights, card_path(weights))}
    for path in (out, card_path(out)):
        if path.resolve() in originals:
            raise WeightsError(
                f"{path.name!r} belongs to the weights that are exported: write to another folder, or to a name that "
                "differs not only in its suffix, because a JSON file is written beside it."
            )
        if path.is_dir():
            raise WeightsError(f"{path.name!r} is a folder: name the file to write.")
        if path.exists() and not overwrite:
            raise WeightsError(f"{path.name!r} exists already: choose another name, or overwrite it.", code="exists")


def difference(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float, whose: str, remedy: str) -> float:
    """Largest difference of our outputs and those of the exported network, as a share of the largest output.

    A WeightsError, which names ``whose`` network it is and the remedy: it is above the tolerance, or shapes differ.
    """
    if ours.shape != theirs.shape:
        raise WeightsError(
            f"{whose} gives outputs of shape {tuple(theirs.shape)}, our network {tuple(ours.shape)}: nothing was "
            f"written. {remedy}"
        )
    largest = ours.abs().max().clamp(min=torch.finfo(ours.dtype).tiny)
    found = float((ours - theirs).abs().max() / largest)
    if not found <= tolerance:  # NaN too
        raise WeightsError(
            f"{whose} gives other outputs than our network (difference {found:.1e} of the largest): nothing was "
            f"written. {remedy}"
        )
    return found
