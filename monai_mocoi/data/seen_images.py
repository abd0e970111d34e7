"""Images seen in training, written so that only who has the key can look for one.

Beside weights, ``seen_images.json`` has a code for each picture (its pixels, whatever the file) and each patient's id
that was trained on: HMAC-SHA256 under a secret key of the user's.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.fingerprint_key import KEY_VARIABLE, codes, fingerprint_key, key_id
from monai_mocoi.errors import DatasetError, LockError
from monai_mocoi.files.atomic_write import write_bytes

logger = logging.getLogger(__name__)

SEEN_NAME = "seen_images.json"
_UNKNOWN = "nothing beside its weights tells which images it has seen"
FAILURES = (DatasetError, OSError, RuntimeError)
OTHER_KEY = (
    f"its fingerprints were made with another key; where it was trained, {KEY_VARIABLE} or the configuration folder "
    "has the right one"
)


@dataclass(frozen=True)
class SeenImages:
    """Codes of the pictures and patients that an encoder or a classifier has seen; ``key_id`` says by which key.

    ``seen_in`` is "pretraining", "training" or both; ``unknown`` why it cannot be told what was seen before, or "".
    """

    key_id: str
    pictures: frozenset[str]
    patients: frozenset[str]
    seen_in: tuple[str, ...] = ("pretraining",)
    unknown: str = ""

    def content(self) -> bytes:
        """The file's bytes: JSON, the codes sorted, so that no order of images shows."""
        document = {
            "format": 1,
            "key_id": self.key_id,
            "pictures": sorted(self.pictures),
            "patients": sorted(self.patients),
        }
        return (json.dumps(document, indent=0) + "\n").encode()

    def write_beside(self, weights: str | os.PathLike[str]) -> dict[str, Any]:
        """Write ``seen_images.json`` beside a weights file; return what its card should say under ``seen_images``."""
        content = self.content()
        write_bytes(Path(weights).with_name(SEEN_NAME), content)
        record = {"file": SEEN_NAME, "sha256": hashlib.sha256(content).hexdigest(), "seen_in": list(self.seen_in)}
        return record | ({"unknown": self.unknown} if self.unknown else {})

    def after(self, before: "SeenImages | None", reason: str) -> "SeenImages":
        """Add what was seen ``before`` by the weights that a training began with; None: why not is the ``reason``."""
        if before is None or before.key_id != self.key_id:
            return replace(self, unknown=reason or OTHER_KEY)
        return SeenImages(
            self.key_id,
            before.pictures | self.pictures,
            before.patients | self.patients,
            tuple(dict.fromkeys((*before.seen_in, *self.seen_in))),
            before.unknown,
        )


def take_down_images(datalist: Datalist) -> SeenImages:
    """Take down what a training on a data set sees: the images of ``training`` and ``validation``.

    What the audit has read is not read again. Raises DatasetError: an image cannot be read, or the key is damaged.
    """
    key = fingerprint_key()
    pictures, patients = codes(key, datalist.folder, [*datalist.training, *datalist.validation])
    return SeenImages(key_id(key), frozenset(pictures), frozenset(patients))


def try_to_take_down(datalist: Datalist, seen_in: str = "pretraining") -> SeenImages | None:
    """As :func:`take_down_images`; None, and a warning, where it cannot be done, because no run must end with it."""
    try:
        return replace(take_down_images(datalist), seen_in=(seen_in,))
    except FAILURES as error:
        logger.warning("Which images this run sees is not written down (%s): %s", SEEN_NAME, why(error))
        return None


def read_seen_images(weights: str | os.PathLike[str], card: Mapping[str, Any] | None) -> tuple[SeenImages | None, str]:
    """Read the codes beside an ``encoder.pt`` or ``classifier.pt`` with its card; or None, and why there are none."""
    named = (card or {}).get("seen_images")
    if not isinstance(named, Mapping):
        return None, _UNKNOWN
    try:
        content = Path(weights).with_name(SEEN_NAME).read_bytes()
    except OSError:
        return None, f"{SEEN_NAME} is not beside its weights: copy it from the run folder too"
    if hashlib.sha256(content).hexdigest() != named.get("sha256"):
        return None, f"{SEEN_NAME} beside its weights is damaged, or of another training"
    document = json.loads(content)
    return SeenImages(
        document["key_id"],
        frozenset(document["pictures"]),
        frozenset(document["patients"]),
        tuple(named.get("seen_in", ("pretraining",))),
        named.get("unknown", ""),
    ), ""


def why(error: Exception) -> str:
    """The text of an error without a file's name, because files are named after patients."""
    names_file = isinstance(error, OSError) and not isinstance(error, LockError)
    return getattr(error, "strerror", None) or type(error).__name__ if names_file else str(error)
