"""What a bundle says of its encoder: its name, and as many features as it gives."""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from monai_mocoi.networks.architectures import ARCHITECTURES, DEFAULT_ARCHITECTURE, architecture_in_words, shape_called

_NAMED = re.compile(r"\bResNet-\d+\b")


def architecture_in(train: Mapping[str, Any]) -> str:
    """What ``train.json`` of a bundle builds; bundles of before this setting have the default one."""
    return str(value) if (value := train.get("architecture")) in ARCHITECTURES else DEFAULT_ARCHITECTURE


def named_after(text: str, architecture: str) -> str:
    """A text on a bundle's encoder, with the name of this one."""
    return _NAMED.sub(architecture_in_words(architecture), text)


def with_encoder(metadata: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """The same ``metadata.json`` for an encoder of this architecture, such as "resnet18"."""
    made = deepcopy(dict(metadata))
    made |= {name: named_after(made[name], architecture) for name in ("task", "description")}
    features = shape_called(architecture).stage_channels[-1]
    made["pred_classes"] = f"none: the encoder gives a vector of {features} features an image"
    made["network_data_format"]["outputs"]["pred"] |= {
        "num_channels": features,
        "channel_def": {"0": f"first of {features} non-negative features"},
    }
    return made
