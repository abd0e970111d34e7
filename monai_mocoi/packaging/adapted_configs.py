"""Configs of an adapted bundle: the source's, with the new settings written in."""

from collections.abc import Mapping, Sequence
from typing import Any

from monai_mocoi.errors import AdaptError
from monai_mocoi.packaging.adapted_settings import Choice
from monai_mocoi.packaging.config_values import for_real_data

CONFIGS = ("train.json", "finetune.json", "evaluate.json", "inference.json", "analyze.json")
_OF_STAINS = "RandStainJitter"


def change_configs(configs: Mapping[str, dict[str, Any]], choices: Sequence[Choice], new: Mapping[str, str]) -> None:
    """Write the choices, and the names in ``new``, into the configs; AdaptError if one lacks a constant."""
    train, chosen = configs["train.json"], {choice.name: choice.value for choice in choices}
    sizes = {name: for_real_data(train, name, chosen[name]) for name in ("image_size", "batch_size", "queue_size")}
    images = {name: chosen[name] for name in ("channels", "resize_mode", "cache_bits", "mean", "std")}
    size = str(sizes["image_size"]).removeprefix("$")
    of_encoder = {
        "image_size": f"$monai_mocoi.networks.of_encoder(@pretrained, 'image_size', {size})",
        "intensity": f"$monai_mocoi.networks.of_encoder(@pretrained, 'intensity', {chosen['intensity']!r})",
    }
    of_labels: dict[str, Any] = {name: chosen[name] for name in ("labels", "label_kind", "metric") if name in chosen}
    of_metric = {"metric": chosen["metric"]} if "metric" in chosen else {}
    wanted: dict[str, dict[str, Any]] = {file: dict(new) for file in CONFIGS}
    wanted["train.json"] |= {**images, **sizes, "intensity": chosen["intensity"], "own_data": []}
    wanted["finetune.json"] |= {**images, **of_encoder, "labels": None, "label_kind": None, **of_labels}
    wanted["analyze.json"] |= {**images, **of_encoder, **of_metric}
    if "architecture" in chosen:
        wanted["train.json"]["architecture"] = architecture = chosen["architecture"]
        of_weights = f"$monai_mocoi.networks.architecture_of(@pretrained, {architecture!r})"
        for file in ("finetune.json", "analyze.json"):
            wanted[file]["architecture"] = of_weights
    for file, values in wanted.items():
        for name, value in values.items():
            if name not in configs[file]:
                raise AdaptError(f"{file} of the bundle has no {name}: use a bundle of this version of monai_mocoi.")
            configs[file][name] = value


def leave_out_stains(configs: Mapping[str, Any]) -> bool:
    """Grey pictures cannot have a jitter of stains; whether there was one."""
    views = configs["train.json"]["views"]["transform"]["transforms"]
    found = False
    for steps in (views, configs["finetune.json"]["train_transforms"]["transforms"]):
        kept = [step for step in steps if _OF_STAINS not in step.get("_target_", "")]
        found |= len(kept) < len(steps)
        steps[:] = kept
    return found
