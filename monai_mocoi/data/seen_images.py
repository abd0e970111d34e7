"""Which pictures and patients a pretraining has seen, written so that only who has the key can look for one.

Beside an encoder lies ``seen_images.json`` with a code for each picture (its pixels, whatever the file) and each
patient's id: HMAC-SHA256 under a secret key of the user's. Without the key, nobody can tell whether a picture in hand
was among them. With it, a fine-tuning or an evaluation tells how many of its test images were.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.atomic_write import atomic_path, write_bytes
from monai_mocoi.data.cache_dir import user_cache_dir
from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.errors import DatasetError
from monai_mocoi.data.expand_home import expand_home
from monai_mocoi.data.file_lock import file_lock
from monai_mocoi.data.fingerprints import dataset_fingerprints

SEEN_NAME = "seen_images.json"
KEY_VARIABLE = "MONAI_MOCOI_KEY"
"""Environment variable with the path of the key's file; without it, ``fingerprint.key`` in the cache folder."""

_CODE = 16  # hexadecimal digits: two of 100,000 and 10,000 codes meet by a chance of 5e-11
_UNKNOWN = "nothing beside its weights tells which images it was pretrained on"


@dataclass(frozen=True)
class SeenImages:
    """Codes of what a pretraining has seen.

    Attributes:
        key_id: says by which key, and nothing about it.
        pictures, patients: their codes.
    """

    key_id: str
    pictures: frozenset[str]
    patients: frozenset[str]

    def content(self) -> bytes:
        """The file's bytes: JSON, the codes sorted, so that no order of images shows."""
        document = {
            "format": 1,
            "key_id": self.key_id,
            "pictures": sorted(self.pictures),
            "patients": sorted(self.patients),
        }
        return (json.dumps(document, indent=0) + "\n").encode()

    def write_beside(self, weights: str | os.PathLike[str]) -> dict[str, str]:
        """Write ``seen_images.json`` beside a weights file.

        Returns:
            what the sidecar of the weights should say under ``seen_images``: ``file`` and ``sha256``.
        """
        content = self.content()
        write_bytes(Path(weights).with_name(SEEN_NAME), content)
        return {"file": SEEN_NAME, "sha256": hashlib.sha256(content).hexdigest()}


def take_down_images(datalist: Datalist, cache_dir: str | Path | None = None) -> SeenImages:
    """Take down what a pretraining on a data set sees: the images of ``training`` and ``validation``.

    Args:
        datalist: without the images that cannot be read.
        cache_dir: of the fingerprints, see :func:`~monai_mocoi.data.fingerprints.dataset_fingerprints`; what the audit
            has read is not read again.

    Returns:
        the codes.

    Raises:
        DatasetError: an image cannot be read, or the key's file is damaged.
    """
    key = fingerprint_key()
    pictures, patients = _codes(key, datalist.folder, [*datalist.training, *datalist.validation], cache_dir)
    return SeenImages(key_id(key), frozenset(pictures), frozenset(patients))


def read_seen_images(
    weights: str | os.PathLike[str], sidecar: Mapping[str, Any] | None
) -> tuple[SeenImages | None, str]:
    """Read what lies beside weights.

    Args:
        weights: an ``encoder.pt`` or ``classifier.pt``.
        sidecar: what its JSON file says; None: there is none.

    Returns:
        the codes; or None, and why there are none.
    """
    named = (sidecar or {}).get("seen_images")
    if not isinstance(named, Mapping):
        return None, _UNKNOWN
    try:
        content = Path(weights).with_name(SEEN_NAME).read_bytes()
    except OSError:
        return None, f"{SEEN_NAME} is not beside its weights: copy it from the run folder too"
    if hashlib.sha256(content).hexdigest() != named.get("sha256"):
        return None, f"{SEEN_NAME} beside its weights is damaged, or of another pretraining"
    document = json.loads(content)
    return SeenImages(document["key_id"], frozenset(document["pictures"]), frozenset(document["patients"])), ""


def pretraining_overlap(
    weights: str | os.PathLike[str],
    sidecar: Mapping[str, Any] | None,
    folder: str | Path,
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    cache_dir: str | Path | None = None,
) -> dict[str, Any]:
    """Count the images and patients of splits that a pretraining has seen.

    Only identical pixels count: a copy that was resized or saved as JPEG again is not found. A patient counts where the
    id is the same, which tells something only if both data sets take their ids from one list.

    Args:
        weights: the encoder or classifier; see :func:`read_seen_images`.
        sidecar: what its JSON file says.
        folder: the dataset folder.
        splits: items (``image``, ``name``, ``patient``) by split; such as can be read.
        cache_dir: see :func:`take_down_images`.

    Returns:
        ``{"checked": True, "splits": {name: {"images", "seen_images", "patients", "seen_patients"}}}``, all of them
        numbers; or ``{"checked": False, "reason": text}``.

    Raises:
        DatasetError: an image cannot be read, or the key's file is damaged.
    """
    seen, reason = read_seen_images(weights, sidecar)
    if seen is None:
        return {"checked": False, "reason": reason}
    key = fingerprint_key()
    if key_id(key) != seen.key_id:
        return {
            "checked": False,
            "reason": f"its fingerprints were made with another key; where it was pretrained, {KEY_VARIABLE} or the "
            "cache folder has the right one",
        }
    counts = {}
    for name, items in splits.items():
        pictures, patients = _codes(key, folder, items, cache_dir)
        counts[name] = {
            "images": len(pictures),
            "seen_images": sum(code in seen.pictures for code in pictures),
            "patients": len(set(patients)),
            "seen_patients": len(set(patients) & seen.patients),
        }
    return {"checked": True, "splits": counts}


def fingerprint_key() -> bytes:
    """The user's secret key; made on first use, readable by nobody else.

    Returns:
        32 bytes, from the file that :data:`KEY_VARIABLE` names, else from ``fingerprint.key`` in ``user_cache_dir()``.

    Raises:
        DatasetError: the file holds no key, or cannot be read or made.
        HomeFolderError: ``~`` in its path stands for none.
    """
    named = os.environ.get(KEY_VARIABLE)
    path = expand_home(named) if named else user_cache_dir() / "fingerprint.key"
    try:
        if not path.exists():
            with file_lock(path.with_name(f".{path.name}.lock")):
                if not path.exists():
                    with atomic_path(path) as temporary:
                        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                        temporary.write_text(secrets.token_hex(32) + "\n")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise DatasetError(
            f"the key of the fingerprints cannot be read or made ({error.strerror}): {KEY_VARIABLE}, if set, must name "
            "a file that you may read and write; else it is fingerprint.key in the cache folder."
        ) from None
    except ValueError:
        key = b""
    if len(key) != 32:
        raise DatasetError(
            "the file with the key of the fingerprints is damaged (it must hold 64 hexadecimal digits). Bring it back, "
            f"or name another by {KEY_VARIABLE}, or move it away: then a new one is made, but what earlier "
            "pretrainings have seen cannot be told any more."
        )
    return key


def key_id(key: bytes) -> str:
    """A name of a key, from which nothing of it can be read: it has 256 random bits."""
    return hashlib.sha256(b"monai_mocoi fingerprint key\0" + key).hexdigest()[:_CODE]


def _codes(
    key: bytes, folder: str | Path, items: Sequence[Mapping[str, Any]], cache_dir: str | Path | None
) -> tuple[list[str], list[str]]:
    def code(kind: bytes, content: bytes) -> str:
        return hmac.new(key, kind + b"\0" + content, hashlib.sha256).hexdigest()[:_CODE]

    if not items:
        return [], []
    paths, names = ([item[name] for item in items] for name in ("image", "name"))
    prints = dataset_fingerprints(folder, paths, names, cache_dir=cache_dir, drop_others=False)
    return [code(b"picture", bytes(digest)) for digest in prints.digests], [
        code(b"patient", item["patient"].encode()) for item in items
    ]
