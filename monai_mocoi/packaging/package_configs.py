"""``inference.json`` and ``metadata.json`` of a package: a bundle's own, with what is known now filled in."""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from monai_mocoi.errors import PackageError
from monai_mocoi.networks import ClassifierCard
from monai_mocoi.networks.architectures import DEFAULT_ARCHITECTURE, is_named
from monai_mocoi.networks.classifier_card import CONFIG
from monai_mocoi.packaging.config_values import check_labels_readable, texts_in
from monai_mocoi.packaging.finetuned_run import FinetunedRun
from monai_mocoi.packaging.run_words import describe_classifier, describe_data

_IN_THE_PACKAGE = "os.path.isfile(os.path.join('models', 'model.pt'))"
# Results lie below the current folder or, where that is the package itself, beside it.
_PLACES = {
    "weights": "@packaged",
    "output_dir": f"$os.path.join('..' if {_IN_THE_PACKAGE} else '', 'runs', @bundle)",
    "inference_dir": "$os.path.join(str(@output_dir), 'inference')",
}
# A package has one classifier: with the constants of this one, another would be read wrongly.
_OF_RUNS = ("run_dir", "finetuned", "label_fraction")
_PACKAGE_NAMES = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}


def packaged_inference(config: Mapping[str, Any], card: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A bundle's ``inference.json`` for one classifier.

    The constants that it would read from the classifier's card are filled in, so that the network can be built wherever
    the file is; the weights are those of the package, and no run can be named. A PackageError: the config lacks one of
    these constants, or MONAI would read a label as something else.
    """
    check_labels_readable(card["labels"], PackageError)
    constants = {name: card[name] for name in ClassifierCard.told_in(CONFIG) if name in card}
    if "architecture" not in config:  # of an earlier version
        constants.pop("architecture", None)
    elif not is_named(constants.get("architecture")):
        # A card of an earlier version, or a ResNet without a name, which network_def then builds by itself.
        constants["architecture"] = DEFAULT_ARCHITECTURE
    if "resize_mode" not in config:  # of an earlier version
        constants["decode_fit"] = constants.pop("resize_mode")
    # What initialize looks at: monai.bundle.load initialises, from whatever folder, only to have the network.
    known = {"modality": card["modality"], "settings": {"demo": card["settings"].get("demo") is True}}
    filled = {**constants, **_PLACES, "bundle": name, "classifier": known}
    if missing := sorted(set(filled) - set(config)):
        raise PackageError(
            f"inference.json of the bundle has no {', '.join(missing)}: use a bundle of this version of monai_mocoi."
        )
    made = {name: deepcopy(filled.get(name, value)) for name, value in config.items() if name not in _OF_RUNS}
    if isinstance(made.get("settings"), dict):
        made["settings"] = {name: value for name, value in made["settings"].items() if name not in _OF_RUNS}
    for text in texts_in(made):
        if left := [name for name in _OF_RUNS if re.search(rf"@{name}\b", text)]:
            raise PackageError(
                f"inference.json of the bundle refers to {left[0]} in {text!r}: a package holds one classifier and "
                "knows no runs. Use the bundle's own inference.json."
            )
    return made


def packaged_metadata(metadata: Mapping[str, Any], run: FinetunedRun) -> dict[str, Any]:
    """A bundle's ``metadata.json`` with what is known of one run in the place of its general words.

    Among it one image as the card says, one probability a label, the numbers of the test split with their intervals
    (empty without an evaluation), and the versions that the run was made with.
    """
    card, labels = run.card, run.card["labels"]
    findings = card["kind"] == "multilabel"
    made = deepcopy(dict(metadata))
    made["changelog"] = {**made.get("changelog", {}), made["version"]: "a classifier, packaged with its model card"}
    versions = {package: version.partition("+")[0] for package, version in run.versions.items()}
    made |= {key: versions[package] for key, package in _PACKAGE_NAMES.items() if package in versions}
    required = made.get("required_packages_version", {})
    required |= {package: versions[package] for package in required if package in versions}
    images = str(metadata.get("image_classes") or f"{card['modality']} images").partition(", scaled to")[0]
    what = f"{len(labels)} {'findings' if findings else 'classes'}"
    made |= {
        "task": "classification",
        "description": f"{describe_classifier(run)} Classification of {card['modality']} images: {what}.",
        "data_source": describe_data(run, metadata),
        "image_classes": f"{images}, scaled to 0..1, then (value - {card['mean']}) / {card['std']}",
        "label_classes": f"{'each finding 0 or 1' if findings else 'one class an image'}: {', '.join(labels)}",
        "pred_classes": "a probability each: "
        + ", ".join(labels)
        + f". The network gives logits, of which postprocessing takes {'a sigmoid' if findings else 'the softmax'}",
        "eval_metrics": _eval_metrics(run.metrics) if run.metrics else {},
        "intended_use": "Research: classifying images. It is no medical device and makes no diagnosis.",
    }
    image = made["network_data_format"]["inputs"]["image"]
    if image.get("num_channels") != card["channels"] or not image.get("channel_def"):
        image["channel_def"] = {str(i): f"channel {i}" for i in range(card["channels"])}
    image |= {
        "num_channels": card["channels"],
        "spatial_shape": [card["image_size"]] * 2,
        "dtype": "float32",
        "value_range": value_range(card),
        "is_patch_data": False,
    }
    made["network_data_format"]["outputs"]["pred"] = {
        "type": "probabilities",  # of postprocessing: it is what MONAI Deploy looks for
        "format": "classes" if findings else "labels",
        "num_channels": len(labels),
        "spatial_shape": [],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {str(i): name for i, name in enumerate(labels)},
    }
    return made


def _eval_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, number in metrics["overall"].items():
        if number["value"] is not None:
            made[name] = number["value"]
            if number["interval"] is not None:
                made[f"{name}_interval"] = number["interval"]
    made["auc"] = {name: found["auc"]["value"] for name, found in metrics["classes"].items() if "auc" in found}
    return made


def value_range(card: Mapping[str, Any]) -> list[float]:
    """Of a normalised image, over all channels."""
    mean, std = (value if isinstance(value, list) else [value] for value in (card["mean"], card["std"]))
    low, high = card.get("value_range", [0, 1])
    ends = [(end - m) / s for m, s in zip(mean, std, strict=True) for end in (low, high)]
    return [round(min(ends), 6), round(max(ends), 6)]
