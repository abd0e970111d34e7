"""Deprecated names: accepted for one release, each with a ``DeprecationWarning``, or refused with what to do."""

import importlib
import warnings
from collections.abc import Callable, Container, Mapping
from typing import Any

SETTINGS = {
    "decode_fit": "resize_mode",
    "stage_kind": "stage_pooling",
    "views": "train_transforms",  # of finetune.json; train.json still has its views
    "plain": "eval_transforms",
    "labelled": "label_subset",
    "readable": "readable_images",
    "weights": "pretrained_weights",
    "best": "best_epoch",
}
"""Keys of a config: the old name and the new one."""
_VALUES = {"stage_pooling": {"map": "spatial", "vector": "global"}, "label_kind": {"softmax": "multiclass"}}
# What earlier bundles and packages name, and where it is now: a package, and behind a point its new name, if it has
# another; nothing: it is gone, and so is the form of the configs that name it.
_MOVED = {
    "monai_mocoi.data": {"images_to_classify": "demo", "resolve_dataset_dir": "demo"},
    "monai_mocoi.handlers": {
        **dict.fromkeys(("check_recalibration", "warn_of_demo_classifier"), "runs"),
        **dict.fromkeys(("analysis_name", "evaluation_name"), "runs"),
        **dict.fromkeys(("check_analysis_folder", "check_evaluation_folder", "check_run_folder"), "runs"),
        "check_settings": "deprecated.check_earlier_settings",
        "shared": "deprecated",
        "Throughput": "",
    },
    "monai_mocoi.losses": {"LABEL_KINDS": "metrics", "class_probabilities": "metrics"},
    "monai_mocoi.metrics": {
        "ScoredClasses": "metrics.EvaluableClasses",
        "feature_spread": "metrics.std_of_l2_normalized",
        "relative_contrastive_loss": "metrics.normalized_info_nce",
        "retrieval_accuracy": "metrics.top_k_accuracy",
        "scored_classes": "metrics.evaluable_classes",
    },
    "monai_mocoi.networks": {
        **dict.fromkeys(("data_parallel", "encoder_image_size", "stage_pooling", "started_from"), ""),
        **dict.fromkeys(("from_torchrun", "join_processes", "leave_processes", "torchrun_device"), ""),
        "read_classifier_sidecar": "deprecated.read_classifier_sidecar",
    },
}
_EARLIER = (
    "this config file was written for an earlier version of monai_mocoi. Adapt the bundle again with this version, or "
    "take the config files of this version's bundle, and write your settings into them."
)
_GONE = {
    **dict.fromkeys(("rank", "world_size"), "torchrun decides the processes of a run: leave it out"),
    "label_fraction": "finetune.json has it; evaluate.json and inference.json take the folder of its run, as run_dir",
    "linear": "the linear evaluation has no trainer of its own any more: train#trainer is it with solver lbfgs",
    **dict.fromkeys(
        ("multi_gpu_train", "multi_gpu_finetune", "multi_gpu_evaluate"),
        "runs of several processes need no overlay any more: leave it out, and start torchrun with the same config as "
        "one process",
    ),
}


def with_moved_names(package: str, find: Callable[[str], Any]) -> Callable[[str], Any]:
    """A package's ``__getattr__``, given its own, that also finds what has moved, or has another name.

    It raises a UsageError, and no AttributeError, for what is gone: MONAI would not tell of the latter.
    """
    moved = _MOVED[package]

    def look_up(name: str) -> Any:
        if name not in moved:
            return find(name)
        if not moved[name]:
            raise _refusal(f"{package}.{name} is gone: {_EARLIER}")
        place, _, new = moved[name].partition(".")
        _warn(f"{package}.{name} is monai_mocoi.{place}.{new or name} now; the old place will go in the next release")
        return getattr(importlib.import_module(f"monai_mocoi.{place}"), new or name)

    return look_up


def check_earlier_settings(settings: Mapping[str, Any]) -> None:
    """What the configs of earlier versions check first: those that train are refused (UsageError), the others run."""
    if "max_epochs" in settings:
        raise _refusal(_EARLIER)
    importlib.import_module("monai_mocoi.runs").check_settings(settings)


def shared(handler: Any) -> Any:
    """The handler as it is; the lists of earlier configs name handlers so."""
    return handler


def read_classifier_sidecar(path: Any) -> Any:
    """The card of a classifier, with the words of earlier configs: theirs compare the kind of labels with "softmax"."""
    networks = importlib.import_module("monai_mocoi.networks")

    class EarlierCard(networks.ClassifierCard):  # type: ignore[name-defined]
        def __getitem__(self, key: str) -> Any:
            value = super().__getitem__(key)
            return "softmax" if (key, value) == ("kind", "multiclass") else value

    return EarlierCard.of(dict(networks.read_classifier_card(path)))


def current_name(setting: str, known: Container[str]) -> str:
    """The id by the name that a setting has now, such as that of ``decode_fit`` or ``views#transforms``.

    Only its first part may be an old name, and none that is among the top-level keys of the config, ``known``.
    """
    if (new := new_name(setting, known)) is None:
        return setting
    first, sign, rest = setting.partition("#")
    _warn(f"the setting {first} is called {new} now; the old name will be refused in the next release")
    return f"{new}{sign}{rest}"


def new_name(setting: str, known: Container[str]) -> str | None:
    """The key that an old one has become, without a warning; None: it is none."""
    first = setting.partition("#")[0]
    new = SETTINGS.get(first)
    return new if new in known and first not in known else None


def current_value(setting: str, value: Any) -> Any:
    """The word that a setting's value has now: ``stage_pooling`` was "map" or "vector", ``label_kind`` "softmax"."""
    new = _VALUES.get(setting, {}).get(value) if isinstance(value, str) else None
    if new is None:
        return value
    _warn(f"{setting} {value} is called {new} now; the old word will be refused in the next release")
    return new


def current_label_kind(kind: Any) -> Any:
    """The kind of labels as it is called now, without a warning: files of earlier versions say "softmax"."""
    return _VALUES["label_kind"].get(kind, kind) if isinstance(kind, str) else kind


def instead_of(name: str) -> str | None:
    """What replaces a setting, or a config by its stem, that is gone; None: it was never there."""
    return _GONE.get(name.partition("#")[0])


def _refusal(text: str) -> Exception:
    refusal: Exception = importlib.import_module("monai_mocoi.errors").UsageError(text)  # errors are a floor above
    return refusal


def _warn(text: str) -> None:
    warnings.warn(text, DeprecationWarning, stacklevel=3)
