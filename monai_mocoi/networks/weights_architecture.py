"""Architecture of weights that are not loaded yet: the network that is to take them must be of the same."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.architectures import ARCHITECTURES, DEFAULT_ARCHITECTURE, is_named
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.networks.known_images import known_images
from monai_mocoi.networks.resnet_shape import name_of_resnet
from monai_mocoi.networks.weight_files import read_weights


def architecture_of(weights: str | os.PathLike[str] | None, default: str = DEFAULT_ARCHITECTURE) -> str:
    """Name of the ResNet that is to take these weights, such as "resnet18".

    Args:
        weights: any that :func:`~monai_mocoi.networks.read_weights` takes, or the folder of a ``classifier.pt``.
        default: of no weights ("none" or None), of a ResNet that the bundles do not build, and of what cannot be read,
            because loading refuses that.
    """
    found = name_of_weights(weights)
    return default if found not in ARCHITECTURES else str(found)


def name_of_weights(weights: str | os.PathLike[str] | None) -> str | None:
    """Name of the ResNet whose weights these are, if it has one; the file is read if no JSON beside it tells."""
    told = known_images(weights).get("architecture")
    if is_named(told):
        return str(told)
    if weights is None or str(weights) == "none":
        return None
    path = Path(weights)
    try:
        return name_of_resnet(read_weights(path / CLASSIFIER_NAME if path.is_dir() else path).resnet)
    except WeightsError:
        return None


def check_architecture(file: Mapping[str, torch.Tensor], encoder: Mapping[str, torch.Tensor], name: str) -> None:
    """Refuse (WeightsError) the weights in the file ``name`` for an encoder of another architecture.

    Both are state dicts in torchvision's names; of a ResNet without a name nothing is said.
    """
    found, wanted = name_of_resnet(file), name_of_resnet(encoder)
    if found and wanted and found != wanted:
        remedy = f"set architecture to {found}, or " if found in ARCHITECTURES else ""
        raise WeightsError(
            f"{name!r} holds a {found}, but this encoder is a {wanted}: {remedy}take the weights of a {wanted}."
        )
