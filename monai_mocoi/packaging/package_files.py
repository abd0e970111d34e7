"""Files of a package: weights that were tried, texts without places of this machine, and the zip of them."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from monai_mocoi.analysis import TYPICAL_NAME
from monai_mocoi.errors import PackageError
from monai_mocoi.files.atomic_write import torch_bytes
from monai_mocoi.networks import Classifier, load_classifier
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.networks.weights import check_finite
from monai_mocoi.packaging.config_values import texts_in

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold: the same input gives the same bytes
_PLACE = re.compile(r"(/|~|[A-Za-z]:[\\/]|\\\\)")
_PLACE_WITHIN = re.compile(
    r"(?<![\w./\\-])(?:file:/|/(?!usr/share/)[\w.-]+/|~\w*[\\/]|[A-Za-z]:[\\/](?!/)|\\\\\w)|(?<![\w:./-])//[A-Za-z]"
)
_DATASET = re.compile(r'''("dataset_dir"\s*:\s*)"(?!demo"|[$@%~])(?:[^"\\/]|\\u[0-9a-f]{4})+"''')


def packaged_weights(inference: Mapping[str, Any], card: Mapping[str, Any], run: Path) -> bytes:
    """The state dict of the network that the package builds: tried, and written anew, so that nothing else is in it."""
    network = ConfigParser(dict(inference)).get_parsed_content("network_def")
    if not isinstance(network, Classifier):
        raise PackageError(
            f"network_def of the bundle is a {type(network).__name__}, but must be a monai_mocoi.networks.Classifier."
        )
    load_classifier(network, run)
    state = {name: value.detach().clone() for name, value in network.state_dict().items()}
    check_finite(state, CLASSIFIER_NAME)
    images = torch.rand(2, card["channels"], card["image_size"], card["image_size"])
    with torch.no_grad():
        logits = network.eval()(images)
    if logits.shape != (2, len(card["labels"])) or not bool(logits.isfinite().all()):
        raise PackageError(
            f"the classifier gives outputs of shape {tuple(logits.shape)}, or none that are numbers, for "
            f"{len(card['labels'])} labels: it is of no use. Train it again."
        )
    return bytes(torch_bytes(state))


def packaged_typical(record: Mapping[str, Any], run: Path) -> bytes:
    """What the classifier's own images look like: the file that its card means; PackageError if it is not that."""
    path = run / TYPICAL_NAME
    again = "Bring back the original, or train again."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PackageError(f"{path} cannot be read ({error.strerror}), but classifier.json names it. {again}") from None
    if hashlib.sha256(content).hexdigest() != record.get("sha256"):
        raise PackageError(f"{path} is of another run (its SHA-256 is not that in classifier.json). {again}")
    return content


def without_dataset(config: str) -> str:
    """The text of a config without the name of a dataset folder, which may name somebody and is of no use here."""
    return _DATASET.sub(r'\1"DATASET"', config)


def check_no_places(texts: Mapping[str, str], places: Iterable[Path | None]) -> None:
    """Refuse a file whose text names a place on this machine, and so perhaps a user or patient, with a PackageError."""
    # As a whole: /data is no part of docs/data.md.
    named = [
        re.compile(rf"(?<![\w.-]){re.escape(str(place))}(?![\w-])")
        for place in places
        if place and len(place.parts) > 1
    ]
    for path, text in texts.items():
        parsed = list(texts_in(json.loads(text))) if path.endswith(".json") else []
        within = any(_PLACE_WITHIN.search(part) for part in parsed or [text])
        if within or any(place.search(text) for place in named) or any(_PLACE.match(part) for part in parsed):
            raise PackageError(
                f"{path} names a place on this machine, which does not belong into a package: take it out of the "
                "bundle's file, or of the text that you gave; give it on the command line where it is needed."
            )


def write_zip(path: Path, name: str, files: Mapping[str, bytes]) -> None:
    """Write files into the folder ``name`` of a zip; the same files give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # weights hardly shrink, and zlib's bytes differ
        for file in sorted(files):
            entry = zipfile.ZipInfo(f"{name}/{file}", _TIMESTAMP)
            entry.create_system = 3  # Unix, also where it is written on Windows
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[file])
