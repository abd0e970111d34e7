"""``mocoi adapt``: a bundle of one's own for a data set, made from another bundle."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import MANIFEST_NAME, PRETRAINING, Datalist, load_datalist
from monai_mocoi.data.enough_images import FEW_TO_PRETRAIN, check_learnable
from monai_mocoi.data.labels import label_kind, labelled_items
from monai_mocoi.data.picture_facts import measure_pictures
from monai_mocoi.errors import AdaptError, DatasetError
from monai_mocoi.files.home_folder import expand_home
from monai_mocoi.files.json_layout import config_text, group_starts
from monai_mocoi.packaging.adaptation import Adaptation
from monai_mocoi.packaging.adapted_docs import adapted_metadata, adapted_readme, data_text
from monai_mocoi.packaging.adapted_settings import Choice, Labels, choose_settings, for_real_data, warnings_of
from monai_mocoi.packaging.bundle_place import bundle_place
from monai_mocoi.packaging.config_text import reads_as_itself
from monai_mocoi.packaging.owner import Owner

CONFIGS = ("train.json", "finetune.json", "evaluate.json", "inference.json", "analyze.json")
OVERLAYS = ("paper.json", "paper_finetune.json", *(f"schema/{file}" for file in CONFIGS))
_OTHERS = ("docs/README.md", "docs/data_license.txt", "LICENSE", "configs/logging.conf")
_MODALITY = re.compile(r"[a-z][a-z0-9_]{0,30}")
_KINDS = {"multi": "multilabel", "single": "softmax", "none": None}
_OF_STAINS = "RandStainJitter"
_TO_PRETRAIN = ("training", PRETRAINING)


def adapt_bundle(
    bundle: str | os.PathLike[str],
    dataset: str | os.PathLike[str],
    name: str,
    out: str | os.PathLike[str] = ".",
    modality: str | None = None,
    owner: Owner | None = None,
) -> Adaptation:
    """Write a new bundle folder for a data set.

    It is whole: nothing in it refers to the bundle that it was made from. Channels, normalisation, sizes, intensity,
    batch, queue, labels and metric follow from the data set; all other settings are the source's. No path of this
    machine gets into it: its ``dataset_dir`` is the name of the dataset folder.

    Args:
        bundle: folder of the source, one of the nine or one that was adapted before.
        dataset: a dataset folder; only read.
        name: of the new bundle and its folder.
        out: the folder in which it is made.
        modality: kind of the images, one word such as "hand"; None: the source's.
        owner: title, authors, contact and statement on the data, for metadata and docs.

    Returns:
        what was written.

    Raises:
        AdaptError: a name that cannot be, or is taken; a folder that is no such bundle; an identified data set; labels
            or channels that cannot be.
        DatasetError: the dataset folder cannot be used.
    """
    bundle, dataset = Path(bundle), expand_home(dataset)
    folder = bundle_place(name, out, dataset)
    texts = _texts(bundle)
    configs = {file: json.loads(texts[f"configs/{file}"]) for file in (*CONFIGS, "metadata.json")}
    train = json.loads(texts["configs/train.json"])
    manifest = _manifest(dataset)
    datalist = load_datalist(dataset)
    labels = _labels(datalist, manifest)
    names = {
        "bundle": name, "modality": _modality(modality, train["modality"]), "dataset_dir": _folder_name(datalist.folder)
    }  # fmt: skip
    items = [item for split in _TO_PRETRAIN for item in datalist.splits().get(split, ())]
    facts = measure_pictures(items, fundus=train["resize_mode"] == "fundus")
    metric = configs["finetune.json"]["metric"]
    choices = choose_settings(train, metric, labels, len(items), facts, manifest.get("channels"), names["modality"])
    stains_left_out = _change(configs, choices, names)
    made = Adaptation(
        folder=folder,
        source=train["bundle"],
        modality=names["modality"],
        source_modality=train["modality"],
        datalist=datalist,
        facts=facts,
        labels=labels,
        choices=tuple(choices),
        warnings=(*warnings_of(train, choices, facts, stains_left_out), *_of_data(labels, datalist, len(items))),
        dataset_dir=names["dataset_dir"],
        owner=owner or Owner(),
    )
    configs["metadata.json"] = adapted_metadata(configs["metadata.json"], configs["train.json"], made)
    for path, content in ((f"configs/{file}", content) for file, content in configs.items()):
        texts[path] = config_text(content, group_starts(texts[path]))
    texts["docs/README.md"] = adapted_readme(texts["docs/README.md"], made)
    texts["docs/data_license.txt"] = data_text(texts["docs/data_license.txt"], made)
    _write(folder, texts)
    return made


def _texts(bundle: Path) -> dict[str, str]:
    """All files of the source, by their path in it."""
    names = [f"configs/{file}" for file in (*CONFIGS, *OVERLAYS, "metadata.json")] + list(_OTHERS)
    if missing := [name for name in names if not (bundle / name).is_file()]:
        raise AdaptError(
            f"{bundle} is no bundle that can be adapted (it lacks {', '.join(missing[:3])}"
            f"{' and more' if len(missing) > 3 else ''}): give a name such as nih_mse, or the folder of such a bundle."
        )
    texts = {name: (bundle / name).read_text(encoding="utf-8") for name in names}
    for name in names:
        if name.endswith(".json"):
            try:
                content = json.loads(texts[name])
            except ValueError as error:
                raise AdaptError(
                    f"{name} of the bundle {bundle} is no JSON ({error}): bring back the original."
                ) from error
            if not isinstance(content, dict):
                raise AdaptError(f"{name} of the bundle {bundle} is no JSON object: bring back the original.")
    if "run_dir" not in json.loads(texts["configs/inference.json"]):
        raise AdaptError(f"{bundle} is a package with a classifier: give the bundle that the package was made from.")
    return texts


def _modality(given: str | None, source: str) -> str:
    if given is None:
        return source
    if not _MODALITY.fullmatch(given):
        raise AdaptError(
            f"--modality is {given!r}, but must be one word of small letters, digits and '_', such as hand or "
            "mammography."
        )
    return given


def _manifest(dataset: Path) -> dict[str, Any]:
    """What ``data_prep`` says of the folder; empty for one made by hand."""
    path = dataset / MANIFEST_NAME
    if not path.is_file():
        return {}
    try:
        manifest = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise AdaptError(
            f"{MANIFEST_NAME} of the dataset folder cannot be read ({type(error).__name__}), so nobody knows whether "
            "its images are identified: prepare the folder again."
        ) from error
    if manifest.get("identified"):
        raise AdaptError(
            "the dataset folder is marked as identified: it refers to images that name patients, and nothing that is "
            "handed on may be made of it. Prepare it without --in-place, into a folder of its own."
        )
    for key, allowed in (("channels", (None, 1, 3)), ("label_kind", (None, *_KINDS))):
        if manifest.get(key) not in allowed:
            raise AdaptError(
                f"{MANIFEST_NAME} of the dataset folder says {key} {manifest[key]!r}, but a bundle can have "
                f"{' or '.join(str(value) for value in allowed if value is not None)}: prepare the images so."
            )
    return manifest


def _labels(datalist: Datalist, manifest: Mapping[str, Any]) -> Labels:
    kind = label_kind(datalist) if labelled_items(datalist.training) else None
    labels = Labels(datalist.labels, kind) if kind else Labels()
    stated = manifest.get("label_kind")
    if stated is not None and _KINDS[stated] != kind:
        raise AdaptError(
            f"{MANIFEST_NAME} says label_kind {stated!r}, but the training labels in datalist.json are "
            f"{labels.in_words()}: prepare the data set again."
        )
    if kind == "softmax" and len(labels.names) < 2:
        raise AdaptError(
            f"datalist.json has one class ({', '.join(labels.names)}), which nothing can be told from: name the other "
            "one too, or give a finding that is there or not, as a list [0] or [1] an image."
        )
    for label in labels.names:
        if not reads_as_itself(label):
            raise AdaptError(
                f"the label {label!r} has a sign that MONAI's configs take for one of theirs ($, @, % or _ in front, "
                "or # in it): give it another name in datalist.json."
            )
    return labels


def _folder_name(folder: Path) -> str:
    """What the configs call the data set: not its path, which could name people."""
    name = folder.name
    if name == "demo" or not reads_as_itself(name) or "::" in name:
        why = "the word for phantoms" if name == "demo" else "a text that MONAI's configs read otherwise"
        raise AdaptError(f"the dataset folder is called {name!r}, which is {why}: rename it.")
    return name


def _change(configs: Mapping[str, dict[str, Any]], choices: list[Choice], names: Mapping[str, str]) -> bool:
    """Write the choices into the configs; True: a jitter of stains was left out."""
    train = configs["train.json"]
    chosen = {choice.name: choice.value for choice in choices}
    for file in CONFIGS:
        for name, value in names.items():
            _set(configs, file, name, value)
    sizes = {name: for_real_data(train, name, chosen[name]) for name in ("image_size", "batch_size", "queue_size")}
    size = sizes["image_size"]
    inner = size.removeprefix("$") if isinstance(size, str) else str(size)
    images = {name: chosen[name] for name in ("channels", "resize_mode", "cache_bits", "mean", "std")}
    of_encoder = {
        "image_size": f"$monai_mocoi.networks.of_encoder(@pretrained, 'image_size', {inner})",
        "intensity": f"$monai_mocoi.networks.of_encoder(@pretrained, 'intensity', {chosen['intensity']!r})",
    }
    wanted = {
        "train.json": {**images, **sizes, "intensity": chosen["intensity"], "own_data": []},
        "finetune.json": {**images, **of_encoder, "labels": None, "label_kind": None}
        | {name: chosen[name] for name in ("labels", "label_kind", "metric") if name in chosen},
        "analyze.json": {**images, **of_encoder} | {name: chosen[name] for name in ("metric",) if name in chosen},
    }
    for file, values in wanted.items():
        for name, value in values.items():
            _set(configs, file, name, value)
    stained = False
    for steps in (
        train["views"]["transform"]["transforms"],
        configs["finetune.json"]["train_transforms"]["transforms"],
    ):
        if chosen["channels"] == 1:
            kept = [step for step in steps if _OF_STAINS not in step.get("_target_", "")]
            stained |= len(kept) < len(steps)
            steps[:] = kept
    return stained


def _set(configs: Mapping[str, dict[str, Any]], file: str, name: str, value: Any) -> None:
    if name not in configs[file]:
        raise AdaptError(f"{file} of the bundle has no {name}: use a bundle of this version of monai_mocoi.")
    configs[file][name] = value


def _of_data(labels: Labels, datalist: Datalist, images: int) -> Iterator[str]:
    if images < FEW_TO_PRETRAIN:
        yield (
            f"{images} images to pretrain on teach an encoder next to nothing: a few hundred at least, better "
            "thousands (labels are not needed)."
        )
    if len(datalist.validation) < 2:
        yield f"{len(datalist.validation)} validation image(s): pretraining needs 2. Prepare the data set with more."
    if labels.kind is None:
        yield "no training image has a label: train.json runs; finetune.json and evaluate.json need labels."
        return
    try:
        check_learnable(labelled_items(datalist.training), labels.names)
    except DatasetError as error:
        yield f"finetune.json will refuse this data set: {error}"


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """All or nothing: written beside its place, and renamed."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    try:
        for name, text in texts.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_text(text, encoding="utf-8")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
