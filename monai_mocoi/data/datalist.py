"""The list of a dataset folder: MONAI's decathlon form with the patient of each image, read with every check.

A dataset folder holds ``datalist.json`` (``name``, ``labels``, and the items of ``training``, ``validation``, ``test``
and, if there are any, ``pretraining``), ``manifest.json`` (where it came from) and the images. See docs/data.md.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from monai_mocoi.data.columns import NO_COLUMNS
from monai_mocoi.data.patient_ids import SCHEME_OF_SOURCE, patient_in_name, patient_key
from monai_mocoi.data.pixel_versions import decoder_versions
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.atomic_write import write_bytes, write_json
from monai_mocoi.files.home_folder import expand_home

DATALIST_NAME = "datalist.json"
MANIFEST_NAME = "manifest.json"
SPLITS = ("training", "validation", "test")
PRETRAINING = "pretraining"
"""A split that a datalist may have beside them, for pretraining alone: what labels its items have is ignored."""

logger = logging.getLogger(__name__)

_HOW_TO_PREPARE = (
    "Make a dataset folder with one of\n"
    "  python -m data_prep inhouse --images IMAGES --private PRIVATE --out FOLDER   (your own; docs/inhouse.md)\n"
    "  python -m data_prep nih --images IMAGES --metadata Data_Entry_2017_v2020.csv --out FOLDER   (NIH ChestX-ray14)\n"
    "  python -m data_prep bch --images IMAGES --out FOLDER   (IDC histopathology patches)\n"
    "  python -m data_prep eyepacs --images IMAGES --labels trainLabels.csv --out FOLDER   (EyePACS photographs)\n"
    "  python -m data_prep demo --modality chest --out FOLDER   (generated phantoms, no medical data)\n"
    "(`python -m data_prep --help` lists all sources) and give that FOLDER as dataset_dir."
)


@dataclass(frozen=True)
class Datalist:
    """A checked datalist.

    Attributes:
        name: the data set's name.
        labels: names of the classes or findings, in the order of the label values; empty without labels.
        folder: the dataset folder, absolute.
        training, validation, test: the items of each split. An item is a dict with ``image`` (absolute path, as
            MONAI's own list readers give it), ``name`` (the path as it stands in the file, relative to the folder),
            ``patient`` and, where the image has one, ``label``: a whole number, or a list with 0, 1 or None (not
            known) a finding, of which one at least is known. Other keys whose values are texts or numbers stay: they
            are its columns, such as ``sex`` and ``age`` (see :func:`~monai_mocoi.data.item_columns`). The identity of
            an image is its index in its split.
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

    Checked: the file and its keys; that the training split is not empty; that every path is relative, inside the
    folder (symbolic links followed; where the manifest says ``"identified": true``, links may lead out) and there; that
    no image is listed twice in a split, nor in training and ``pretraining``, which are read together; labels; that each
    patient is written in one way, and that published names of one person have one patient; that is only a warning where
    neither the manifest's ``source`` nor any patient's id shows that the names are the published ones, because a date
    and a number look like those of NIH. Whether a patient or a picture is in two splits is the audit's work
    (:func:`monai_mocoi.data.audit_datalist`).

    Args:
        dataset_dir: the dataset folder.

    Returns:
        the datalist.

    Raises:
        DatasetError: something is wrong; the text names the value, the rule and the next step.
        HomeFolderError: ``~`` in the folder stands for none.
    """
    folder = expand_home(dataset_dir).resolve()
    file = folder / DATALIST_NAME
    if not folder.is_dir():
        raise DatasetError(f"dataset_dir: there is no folder '{dataset_dir}'. {_HOW_TO_PREPARE}")
    if not file.is_file():
        refuse_bundle(folder, dataset_dir)
        raise DatasetError(
            f"dataset_dir: the folder '{dataset_dir}' has no {DATALIST_NAME}, so it is no (finished) dataset folder. "
            f"If it was being prepared, run the same data_prep command again to finish it. {_HOW_TO_PREPARE}"
        )
    content = file.read_bytes()
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"{DATALIST_NAME} is not valid JSON ({error}). Prepare the dataset folder again.") from error
    _check_keys(document)
    labels = _label_names(document["labels"])
    places: dict[str, str] = {}
    splits = {split: _items(folder, split, document[split], labels, places) for split in _listed(document)}
    if not splits["training"]:
        raise DatasetError(f"{DATALIST_NAME}: 'training' is empty; at least one training image is needed.")
    _check_labels_alike(splits)
    manifest = _manifest(folder)
    identified = manifest.get("identified") is True
    _check_patients(splits, manifest.get("source"))
    _check_files(folder, splits, links_out=identified)
    return Datalist(
        name=document["name"],
        labels=labels,
        folder=folder,
        sha256=hashlib.sha256(content).hexdigest(),
        identified=identified,
        **splits,
    )


def refuse_bundle(folder: Path, named: str | Path) -> None:
    """Say of a folder without a datalist that it is a bundle, if it is one.

    Args:
        folder: where it is.
        named: as the user wrote it.

    Raises:
        DatasetError: it has a folder ``configs``.
    """
    if (folder / "configs").is_dir():
        raise DatasetError(
            f"dataset_dir is '{named}', which is a bundle (it has a folder configs): give the dataset folder, which "
            f"data_prep made and which holds {DATALIST_NAME}."
        )


def load_to_pretrain(dataset_dir: str | Path) -> Datalist:
    """Read the datalist of a dataset folder as pretraining uses it.

    Args:
        dataset_dir: the dataset folder.

    Returns:
        the datalist with the items of ``pretraining`` behind those of ``training``, and without labels, so that rows of
        training stay what they are; ``pretraining`` is empty then.

    Raises:
        DatasetError: see :func:`load_datalist`.
    """
    datalist = load_datalist(dataset_dir)
    more = [{key: value for key, value in item.items() if key != "label"} for item in datalist.pretraining]
    return replace(datalist, training=datalist.training + more, pretraining=[])


def require_images(datalist: Datalist, **at_least: int) -> None:
    """Refuse a data set whose splits are too small for what is to come, before work begins.

    Args:
        datalist: to look at.
        at_least: images needed, by split: ``training=64, validation=2``.

    Raises:
        DatasetError: names the split, its number of images and the number needed.
    """
    for split, needed in at_least.items():
        found = len(datalist.splits()[split])
        if found < needed:
            hint = "lower batch_size, or add images" if split == "training" else "prepare the data set with more in it"
            raise DatasetError(f"the {split} split has {found} image(s), but {needed} are needed: {hint}.")


def write_datalist(
    folder: str | Path,
    name: str,
    labels: Sequence[str],
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    manifest: Mapping[str, Any],
    columns: Sequence[str] = (),
) -> str:
    """Write ``manifest.json`` and then, last, ``datalist.json``: a folder that has a datalist is complete.

    Args:
        folder: the dataset folder.
        name: the data set's name.
        labels: names of the classes or findings in the order of the label values.
        splits: the items of ``training``, ``validation`` and ``test``, and of ``pretraining`` if there are any; of
            each, the keys ``image`` (relative path), ``label`` (if it has one) and ``patient`` are written, and those
            named in ``columns``.
        manifest: what the source adds to the manifest: at best ``source``, ``seed``, ``options``, ``exclusions``.
            ``counts``, ``versions`` and ``datalist_sha256`` are added here. Where some images have labels, ``counts``
            tells by split how many have none (``unlabelled``), and of how many a finding is not known (``unknown``).
        columns: other keys of the items to write, such as ``sex`` and ``age``, where an item has them: nothing else of
            an item gets into the file.

    Returns:
        the SHA-256 of ``datalist.json`` in hexadecimal.
    """
    lines = [
        f'"name": {json.dumps(name, ensure_ascii=False)}',
        '"labels": ' + json.dumps({str(i): label for i, label in enumerate(labels)}, ensure_ascii=False),
    ]
    written = [*SPLITS, *([PRETRAINING] if splits.get(PRETRAINING) else [])]
    for split in written:
        items = [
            json.dumps(
                {
                    key: item[key]
                    for key in ("image", "label", "patient", *columns)
                    if key in item and (key != "label" or _is_labelled(item))
                },
                ensure_ascii=False,
            )
            for item in splits.get(split, ())
        ]
        lines.append(f'"{split}": [' + ",".join(f"\n  {item}" for item in items) + ("\n]" if items else "]"))
    content = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
    digest = hashlib.sha256(content).hexdigest()
    has_labels = any(_is_labelled(item) for split in written for item in splits.get(split, ()))
    counts = {
        split: {
            "images": len(items),
            "patients": len({item["patient"] for item in items}),
            **(_not_known(items, labels) if has_labels else {}),
        }
        for split, items in ((split, splits.get(split, ())) for split in written)
    }
    folder = Path(folder)
    write_json(
        folder / MANIFEST_NAME,
        {**manifest, "counts": counts, "versions": decoder_versions(), "datalist_sha256": digest},
    )
    write_bytes(folder / DATALIST_NAME, content)
    return digest


def _not_known(items: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> dict[str, Any]:
    """How many have no label, and of which findings how many values are not known; empty where all is known."""
    held = [item["label"] for item in items if _is_labelled(item)]
    unknown = {
        name: count
        for column, name in enumerate(labels)
        if (count := sum(isinstance(label, Sequence) and label[column] is None for label in held))
    }
    without = len(items) - len(held)
    return ({"unlabelled": without} if without else {}) | ({"unknown": unknown} if unknown else {})


def _is_labelled(item: Mapping[str, Any]) -> bool:
    """An item whose label is null, or a list of nothing but nulls, has none."""
    label = item.get("label")
    return label is not None and not (isinstance(label, Sequence) and all(value is None for value in label))


def _listed(document: Mapping[str, Any]) -> list[str]:
    return [*SPLITS, *([PRETRAINING] if PRETRAINING in document else [])]


def _check_keys(document: Any) -> None:
    needed = ("name", "labels", *SPLITS)
    if not isinstance(document, dict):
        raise DatasetError(f"{DATALIST_NAME} must hold one JSON object with the keys {', '.join(needed)}.")
    if missing := [key for key in needed if key not in document]:
        raise DatasetError(f"{DATALIST_NAME} lacks the key(s) {', '.join(missing)}; a split may be an empty list.")
    for key, kind, word in (
        ("name", str, "a text"),
        ("labels", dict, "an object"),
        *((s, list, "a list") for s in _listed(document)),
    ):
        if not isinstance(document[key], kind):
            raise DatasetError(f"{DATALIST_NAME}: '{key}' must be {word}, not {type(document[key]).__name__}.")


def _label_names(labels: dict[str, Any]) -> tuple[str, ...]:
    expected = [str(i) for i in range(len(labels))]
    if sorted(labels, key=lambda key: (len(key), key)) != expected:
        raise DatasetError(
            f'{DATALIST_NAME}: the keys of \'labels\' must be "0", "1", ... without a gap, not {", ".join(labels)}.'
        )
    names = tuple(labels[key] for key in expected)
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise DatasetError(f"{DATALIST_NAME}: 'labels' must give each value a name of its own.")
    return names


def _items(
    folder: Path, split: str, entries: list[Any], labels: tuple[str, ...], places: dict[str, str]
) -> list[dict[str, Any]]:
    """The items of a split, checked; ``places`` takes along the names of training, which pretraining may not repeat."""
    items = []
    first_place = places if split in ("training", PRETRAINING) else {}
    for index, entry in enumerate(entries):
        place = f"{DATALIST_NAME}: {split}[{index}]"
        if not isinstance(entry, dict):
            raise DatasetError(f"{place} must be an object with image, label and patient.")
        name = _checked_name(place, entry.get("image"))
        if name in first_place:
            raise DatasetError(f"{place}: '{name}' is listed already at {first_place[name]}; remove one.")
        first_place[name] = f"{split}[{index}]"
        patient = entry.get("patient")
        if not isinstance(patient, str) or not patient:
            raise DatasetError(
                f"{place}: 'patient' is {'missing' if patient is None else repr(patient)}; every item needs its "
                "patient's id as a text, because splits and confidence intervals go by patient."
            )
        if patient != patient.strip():
            raise DatasetError(
                f"{place}: 'patient' is {patient!r}, with blanks around it, which would make another patient of the "
                f"same person; write {patient.strip()!r}."
            )
        item = {"image": os.path.join(folder, *name.split("/")), "name": name, "patient": patient}
        if entry.get("label") is not None:
            _check_label(place, entry["label"], labels)
        if _is_labelled(entry):
            item["label"] = entry["label"]
        items.append(item | _columns(entry))
    return items


def _columns(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What else is told of an image, such as sex and age; lists and objects are another program's."""
    return {
        key: value
        for key, value in entry.items()
        if key not in NO_COLUMNS and isinstance(value, str | int | float | None)
    }


def _checked_name(place: str, name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise DatasetError(f"{place}: 'image' must be the image's path relative to the dataset folder.")
    absolute = name.startswith("/") or re.match(r"[A-Za-z]:", name) is not None
    if absolute or "\\" in name or "\0" in name or posixpath.normpath(name) != name or name.split("/")[0] == "..":
        shown = "an absolute path" if absolute else repr(name)
        raise DatasetError(
            f"{place}: 'image' is {shown}; it must be a plain path inside the dataset folder, such as "
            "'images/x.png': relative, with '/', without '.' or '..' parts."
        )
    return name


def _check_label(place: str, label: Any, labels: tuple[str, ...]) -> None:
    if type(label) is int:
        if not 0 <= label < len(labels):
            raise DatasetError(f"{place}: label {label} is unknown; 'labels' has the values 0 to {len(labels) - 1}.")
    elif isinstance(label, list):
        if len(label) != len(labels):
            raise DatasetError(f"{place}: the label has {len(label)} values, but 'labels' names {len(labels)}.")
        for value in label:
            if value is not None and (type(value) is not int or value not in (0, 1)):
                raise DatasetError(
                    f"{place}: label value {value!r}; the values of a multi-label item are 0, 1 and null (not known)."
                )
    else:
        raise DatasetError(
            f"{place}: label {label!r}; it must be a whole number, or a list with 0, 1 or null (not known) a finding; "
            "an image whose label is not known has none."
        )


def _check_labels_alike(splits: dict[str, list[dict[str, Any]]]) -> None:
    """One kind of label in the whole list: batches and metrics need it."""
    kinds = {type(item["label"]) for items in splits.values() for item in items if "label" in item}
    if len(kinds) > 1:
        raise DatasetError(f"{DATALIST_NAME}: some labels are numbers and some are lists; use one kind throughout.")


def _manifest(folder: Path) -> dict[str, Any]:
    """What the manifest says of the images; nothing where there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _check_patients(splits: dict[str, list[dict[str, Any]]], source: Any) -> None:
    """One person, one id: else a person is learnt from and tested on, and no audit by patient can see it."""
    spelled: dict[str, tuple[str, str]] = {}
    named: dict[tuple[str, str], tuple[str, str]] = {}
    spellings: list[str] = []
    contradictions: dict[str, list[str]] = {}
    # A date and a number look like a name of NIH: only where the names are known to tell the patient do they bind.
    binding = {scheme for known, scheme in SCHEME_OF_SOURCE.items() if known == source}
    for split, items in splits.items():
        for index, item in enumerate(items):
            patient, place = item["patient"], f"{split}[{index}]"
            other, there = spelled.setdefault(patient_key(patient), (patient, place))
            if other != patient:
                spellings.append(f"'{other}' at {there} and '{patient}' at {place}")
            told = patient_in_name(item["name"])
            if told is None:
                continue
            scheme, number = told
            if patient_key(number) == patient_key(patient):
                binding.add(scheme)
            other, there = named.setdefault(told, (patient, place))
            if patient_key(other) != patient_key(patient):
                contradictions.setdefault(scheme, []).append(
                    f"'{other}' at {there} and '{patient}' at {place}, both {number} by the names of {scheme}"
                )
    if spellings:
        raise DatasetError(
            f"{DATALIST_NAME}: one patient is written in two ways, in {len(spellings)} place(s): "
            f"{_some(spellings, separator='; ')}. They would count as two persons: write each id in one way."
        )
    if errors := [text for scheme, texts in contradictions.items() if scheme in binding for text in texts]:
        raise DatasetError(
            f"{DATALIST_NAME}: images of one person have different patients, in {len(errors)} place(s): "
            f"{_some(errors, separator='; ')}. Correct 'patient'; or, if the names are not of that scheme, "
            "rename the images."
        )
    for scheme, texts in contradictions.items():
        logger.warning(
            "%s: %d image(s) would be of a person with another 'patient' too, if their names were those of %s. If "
            "they are, correct 'patient': one person could be in training and test. If not, all is well.",
            DATALIST_NAME,
            len(texts),
            scheme,
        )


def _check_files(folder: Path, splits: dict[str, list[dict[str, Any]]], links_out: bool) -> None:
    # One listing a folder, not one look-up a file: a hundred thousand look-ups on a network disk take minutes.
    root = os.path.realpath(folder)
    listings: dict[str, dict[str, bool]] = {}
    missing, outside = [], []
    for item in (item for items in splits.values() for item in items):
        parent, base = posixpath.split(item["name"])
        if parent not in listings:
            listings[parent] = _listing(os.path.join(folder, parent))
            if not _inside(os.path.realpath(os.path.join(folder, parent)), root):
                outside.append(parent)
        is_link = listings[parent].get(base)
        if is_link is None:
            missing.append(item["name"])
        elif is_link and not links_out and not _inside(os.path.realpath(item["image"]), root):
            outside.append(item["name"])
        elif is_link and not os.path.isfile(item["image"]):
            missing.append(item["name"])
    if outside:
        raise DatasetError(
            f"{DATALIST_NAME}: {_some(outside)} lead(s) out of the dataset folder through a symbolic link. Copy the "
            "files in, so that the folder is complete and can be moved."
        )
    if missing:
        total = sum(map(len, splits.values()))
        raise DatasetError(
            f"{len(missing)} of {total} images of {DATALIST_NAME} are not in the dataset folder: {_some(missing)}. "
            "Copy them in again, or prepare the dataset folder anew with data_prep."
        )


def _listing(directory: str) -> dict[str, bool]:
    """Return the files of a directory and whether each is a symbolic link; empty if there is no such directory."""
    try:
        with os.scandir(directory) as entries:
            return {entry.name: entry.is_symlink() for entry in entries if entry.is_symlink() or entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)


def _some(names: Sequence[str], limit: int = 5, separator: str = ", ") -> str:
    return separator.join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
