"""The data of a plan: what a run would read, looked at as the run does before its first step."""

from collections.abc import Iterator
from pathlib import Path

from monai_mocoi.cli.plan_rows import Planned, Row
from monai_mocoi.data.datalist import load_datalist, load_to_pretrain
from monai_mocoi.data.enough_images import check_enough_to_pretrain, check_learnable
from monai_mocoi.data.labels import check_labels_meant, labelled_items
from monai_mocoi.data.new_images import find_new_images
from monai_mocoi.demo.dataset_dir import demo_folder, resolve_dataset_dir
from monai_mocoi.demo.generate import DEMO_VERSIONS
from monai_mocoi.errors import DatasetError, WeightsError
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.networks.known_images import check_drawn_or_real, images_in_words, known_images
from monai_mocoi.networks.weights_place import classifier_path


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
    with planned.refusing(DatasetError):
        if pretrains:
            check_enough_to_pretrain(datalist)
        elif labels:
            check_learnable(labelled_items(datalist.training) or datalist.training, datalist.labels)
            check_labels_meant(datalist, config.get("labels"), config.get("label_kind"), is_demo)
    for split, items in datalist.splits().items():
        without = len(items) - len(labelled_items(items)) if labels else 0
        note = f"{without} without a label" if without else ""
        yield split, f"{len(items)} images of {len({item['patient'] for item in items})} patients", note
