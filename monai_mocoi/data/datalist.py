"""Datalist of a dataset folder: MONAI's decathlon form with the patient of each image, read with every check.

A dataset folder holds ``datalist.json``, ``manifest.json`` (where it came from) and the images. See docs/data.md.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist_checks import check_files, check_labels_alike, check_patients
from monai_mocoi.data.datalist_form import (
    DATALIST_NAME,
    MANIFEST_NAME,
    PRETRAINING,
    SPLITS,
    check_keys,
    checked_items,
    label_names,
    listed_splits,
)
from monai_mocoi.errors import DatasetError, NoDatasetError
from monai_mocoi.files.home_folder import expand_home

_PREPARE = "Prepare a dataset folder first (docs/data.md), and give it as dataset_dir."


@dataclass(frozen=True)
class Datalist:
    """A checked datalist.

    Attributes:
        name: the data set's name.
        labels: names of the classes or findings, in the order of the label values; empty without labels.
        folder: the dataset folder, absolute.
        training, validation, test: the items of each split. An item is a dict with ``image`` (absolute path), ``name``
            (the path as the file has it, relative to the folder), ``patient`` and, where the image has one, ``label``:
            a whole number, or a list with 0, 1 or None (not known) a finding, of which one at least is known. Other
            keys whose values are texts or numbers stay: they are its columns, such as ``sex`` and ``age`` (see
            :func:`~monai_mocoi.data.item_columns`). The identity of an image is its index in its split.
        sha256: of the file's bytes, in hexadecimal.
        pretraining: items for pretraining alone, see :func:`load_to_pretrain`; empty where there are none.
        identified: its manifest says that the images are links to originals with patients' identity in them: what is
            trained on it is neither exported nor packaged.
    """

    name: str
    labels: tuple[str, ...]
    folder: Path
    training: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    test: list[dict[str, Any]]
    sha256: str
    pretraining: list[dict[str, Any]] = field(default_factory=list)
    identified: bool = False

    def splits(self) -> dict[str, list[dict[str, Any]]]:
        """Return the items by split: ``training``, ``validation``, ``test``, and ``pretraining`` if it has any."""
        own = {split: getattr(self, split) for split in SPLITS}
        return own | ({PRETRAINING: self.pretraining} if self.pretraining else {})


def load_datalist(dataset_dir: str | Path) -> Datalist:
    """Read and check the datalist of a dataset folder.

    Checked: the file and its keys; that the training split is not empty; that every path is relative, inside the folder
    (links may lead out only where the manifest says ``"identified": true``) and there; that no image is listed twice in
    a split, nor in training and ``pretraining``; labels; that each patient is written in one way, and that published
    names of one person have one patient (a warning where nothing else shows that they are the published names). What
    two splits share is the audit's work (:func:`monai_mocoi.data.audit_datalist`).

    Raises:
        DatasetError: something is wrong; the text names the value, the rule and the next step.
        HomeFolderError: ``~`` in the folder stands for none.
    """
    folder = expand_home(dataset_dir).resolve()
    file = folder / DATALIST_NAME
    if not folder.is_dir():
        raise NoDatasetError(f"dataset_dir: there is no folder '{dataset_dir}'. {_PREPARE}", str(dataset_dir))
    if not file.is_file():
        refuse_bundle(folder, dataset_dir)
        raise NoDatasetError(
            f"dataset_dir: the folder '{dataset_dir}' has no {DATALIST_NAME}, so it is no (finished) dataset folder. "
            f"If it was being prepared, prepare it in the same way again to finish it. {_PREPARE}",
            str(dataset_dir),
        )
    content = file.read_bytes()
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"{DATALIST_NAME} is not valid JSON ({error}). Prepare the dataset folder again.") from error
    check_keys(document)
    labels = label_names(document["labels"])
    places: dict[str, str] = {}
    splits = {split: checked_items(folder, split, document[split], labels, places) for split in listed_splits(document)}
    if not splits["training"]:
        raise DatasetError(f"{DATALIST_NAME}: 'training' is empty; at least one training image is needed.")
    check_labels_alike(splits)
    manifest = _manifest(folder)
    identified = manifest.get("identified") is True
    check_patients(splits, manifest.get("source"))
    check_files(folder, splits, links_out=identified)
    return Datalist(
        name=document["name"],
        labels=labels,
        folder=folder,
        sha256=hashlib.sha256(content).hexdigest(),
        identified=identified,
        **splits,
    )


def refuse_bundle(folder: Path, named: str | Path) -> None:
    """Refuse (DatasetError) a folder without a datalist that is a bundle (has a folder ``configs``)."""
    if (folder / "configs").is_dir():
        raise DatasetError(
            f"dataset_dir is '{named}', which is a bundle (it has a folder configs): give the dataset folder, "
            f"which holds {DATALIST_NAME}."
        )


def load_to_pretrain(dataset_dir: str | Path) -> Datalist:
    """Read the datalist of a dataset folder as pretraining uses it; checks and errors as :func:`load_datalist`.

    The items of ``pretraining`` are behind those of ``training``, without labels, and ``pretraining`` is empty.
    """
    datalist = load_datalist(dataset_dir)
    more = [{key: value for key, value in item.items() if key != "label"} for item in datalist.pretraining]
    return replace(datalist, training=datalist.training + more, pretraining=[])


def _manifest(folder: Path) -> dict[str, Any]:
    """What the manifest says of the images; nothing where there is none that can be read."""
    try:
        return dict(json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
