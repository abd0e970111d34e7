"""What a plan says of files: those that a run would read, looked at as it does before its first step, and write."""

import re
from collections.abc import Iterator
from pathlib import Path

from monai_mocoi.cli.plan_rows import AT_RUN_TIME, Planned, Row
from monai_mocoi.data.datalist import load_datalist, load_to_pretrain
from monai_mocoi.data.enough_images import check_enough_to_pretrain, check_learnable
from monai_mocoi.data.labels import check_class_weighting, check_labels_meant, label_kind, labelled_items
from monai_mocoi.data.new_images import find_new_images
from monai_mocoi.demo.dataset_dir import demo_folder, resolve_dataset_dir
from monai_mocoi.demo.generate import DEMO_VERSIONS
from monai_mocoi.errors import DatasetError, HomeFolderError, RunFolderError, SettingsError, WeightsError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.networks.known_images import check_drawn_or_real, images_in_words, known_images
from monai_mocoi.networks.weights_place import check_weights_place, classifier_path
from monai_mocoi.runs.product_folders import check_inference_folder
from monai_mocoi.runs.run_folder_check import check_run_folder, find_run


def data_rows(planned: Planned) -> Iterator[Row]:
    """Classifier, encoder and images that are read."""
    config = planned.config
    classifier = None if "RunFolder" in planned.targets else planned.text("weights") or planned.text("run_dir")
    if classifier is not None:
        yield "classifier", classifier if classifier.endswith(".pt") else str(Path(classifier, CLASSIFIER_NAME)), ""
        with planned.refusing(WeightsError):
            classifier_path(classifier)
    planned.refuse_as(r"check_(?!settings)\w+(?<!_folder)")
    pretrained = planned.text("pretrained")
    if pretrained is not None and (known := known_images(pretrained)):
        modality = planned.text("modality")
        differs = None not in (modality, known.get("modality")) and modality != known["modality"]
        yield "encoder", pretrained, images_in_words(known) + (f"; THIS BUNDLE: {modality}" if differs else "")
    counted = len(planned.refusals)
    if (images := config.get("images")) is not None:
        with planned.refusing(DatasetError):
            yield "images", f"{len(find_new_images(images))} new ones", ""
    elif (named := planned.text("dataset_dir")) is not None:
        weights = pretrained or (None if classifier == config.get("packaged") else classifier)
        with planned.refusing(DatasetError, WeightsError):
            check_drawn_or_real(named, weights)
            yield from _folder_rows(planned, named)
    if len(planned.refusals) > counted and planned.datalist is None:
        yield "images", "none that can be used", ""


def _folder_rows(planned: Planned, named: str) -> Iterator[Row]:
    config, modality = planned.config, planned.text("modality")
    pretrains, labels = ("load_to_pretrain" in planned.targets), ("label_subset" in planned.targets)
    if named == "demo" and modality is None:
        return
    is_demo = named == "demo" and modality in DEMO_VERSIONS
    folder = demo_folder(str(modality)) if is_demo else Path(resolve_dataset_dir(named, str(modality)))
    yield "folder", str(folder), "generated phantoms, no medical data" if is_demo else ""
    if is_demo and not folder.exists():
        yield "images", "not made yet: the first run draws them", ""
        return
    planned.datalist = datalist = (load_to_pretrain if pretrains else load_datalist)(folder)
    with planned.refusing(DatasetError, SettingsError):
        if pretrains:
            check_enough_to_pretrain(datalist, config.get("mask_own_patient") is True)
        elif labels:
            check_learnable(labelled_items(datalist.training) or datalist.training, datalist.labels)
            check_labels_meant(datalist, config.get("labels"), config.get("label_kind"), is_demo)
            check_class_weighting(
                label_kind(datalist), config.get("class_weighting") is True, str(config.get("solver"))
            )
    for split, items in datalist.splits().items():
        without = len(items) - len(labelled_items(items)) if labels else 0
        note = f"{without} without a label" if without else ""
        yield split, f"{len(items)} images of {len({item['patient'] for item in items})} patients", note


def written_rows(planned: Planned) -> Iterator[Row]:
    """The run folder and its state, products, and the cache."""
    config = planned.config
    pretrained = planned.text("pretrained")
    if pretrained not in (None, "none"):
        with planned.refusing(WeightsError):
            check_weights_place(str(pretrained))
    if "RunFolder" in planned.targets and (folder := planned.text("run_dir")) is not None:
        yield "run folder", folder, _state_of(Path(folder), planned)
    yield from (("", path, meaning) for path, meaning in dict(_products(planned)).items())
    planned.refuse_as(r"check_(?!run_)\w+_folder")
    if (folder := planned.text("inference_dir")) is not None:
        with planned.refusing(RunFolderError):
            check_inference_folder(Path(folder), config.get("overwrite") is True)
    if planned.targets & {"ImageDataset", "evaluation_dataset"}:
        with planned.refusing(HomeFolderError):
            yield "cache", str(user_cache_dir() / "decoded"), _cache_size(planned)


def _products(planned: Planned) -> Iterator[tuple[str, str]]:
    for id, part, writer in planned.parts:
        for template, meaning in getattr(writer, "writes", {}).items():
            argument = re.match(r"{(\w+)}", template)
            if argument is None or part.get(argument[1]) is None:
                continue
            folder = planned.config.get(f"{id}#{argument[1]}")
            yield template.replace(argument[0], f"({AT_RUN_TIME})" if folder is None else str(folder)), meaning


def _cache_size(planned: Planned) -> str:
    side, channels, bits = map(planned.config.get, ("decode_size", "channels", "cache_bits"))
    if planned.datalist is None or None in (side, channels, bits):
        return "decoded images, used again by later runs"
    twice = ", twice that in 16 bits" if bits == "auto" else ""
    images = len(planned.datalist.training) + len(planned.datalist.validation)
    size = images * side * side * channels * (1 if bits in ("auto", 8) else 2) / 2**20
    return f"decoded images, {size:.0f} MiB{twice}, used again by later runs"


def _state_of(folder: Path, planned: Planned) -> str:
    """What is in the run folder, and what the run would do with it."""
    config = planned.config
    overwrite, resume = (config.get(name) is True for name in ("overwrite", "resume"))
    settings = config.settings()
    undecided = set(config.raw.get("settings", {})) - set(settings)
    try:
        sha256 = None if planned.datalist is None else planned.datalist.sha256
        known = {"undecided": undecided, "dataset_sha256": sha256, "max_epochs": config.get("max_epochs")}
        run = check_run_folder(folder, overwrite, resume, settings, **known)
    except RunFolderError as error:
        planned.refuse(error)
        if (run := find_run(folder)) is None:
            return "holds something else" if folder.exists() else "new"
        return f"holds a run ({run.manifest['status']})"
    if run is None:
        return "new"
    newest = run.newest.name if run.newest else "its beginning: no checkpoint yet"
    fate = f"continued from {newest}" if resume else "DELETED when the run starts (overwrite)"
    return f"holds a run ({run.manifest['status']}); {fate}"
