"""Which pictures and patients a training has seen, written so that only who has the key can look for one.

Beside an encoder lies ``seen_images.json`` with a code for each picture (its pixels, whatever the file) and each
patient's id: HMAC-SHA256 under a secret key of the user's. Beside a classifier it holds those of its encoder and those
that it was fitted to and chosen on. Without the key, nobody can tell whether a picture in hand was among them. With it,
a fine-tuning or an evaluation tells how many of its test images were.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.data.patient_ids import patient_key
from monai_mocoi.errors import DatasetError, RefusedError
from monai_mocoi.files.atomic_write import atomic_path, write_bytes
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.home_folder import expand_home, home_folder

logger = logging.getLogger(__name__)

SEEN_NAME = "seen_images.json"
KEY_VARIABLE = "MONAI_MOCOI_KEY"
"""Environment variable with the path of the key's file; without it, it lies in the user's configuration folder."""

_KEY_NAME = "fingerprint.key"
_CODE = 16  # hexadecimal digits: two of 100,000 and 10,000 codes meet by a chance of 5e-11
_FAILURES = (DatasetError, OSError, RuntimeError)
_UNKNOWN = "nothing beside its weights tells which images it has seen"
_OTHER_KEY = (
    f"its fingerprints were made with another key; where it was trained, {KEY_VARIABLE} or the configuration folder "
    "has the right one"
)


@dataclass(frozen=True)
class SeenImages:
    """Codes of what an encoder or a classifier has seen.

    Attributes:
        key_id: says by which key, and nothing about it.
        pictures, patients: their codes.
        seen_in: "pretraining", "training" or both.
        unknown: why it cannot be told what was seen before; "": nothing was, or it is among the codes.
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
        """Write ``seen_images.json`` beside a weights file.

        Returns:
            what the sidecar of the weights should say under ``seen_images``: ``file``, ``sha256``, ``seen_in`` and,
            if there is one, ``unknown``.
        """
        content = self.content()
        write_bytes(Path(weights).with_name(SEEN_NAME), content)
        record = {"file": SEEN_NAME, "sha256": hashlib.sha256(content).hexdigest(), "seen_in": list(self.seen_in)}
        return record | ({"unknown": self.unknown} if self.unknown else {})

    def after(self, before: SeenImages | None, reason: str) -> SeenImages:
        """Put together what was seen before and these.

        Args:
            before: of the weights that a training began with; None: it cannot be told.
            reason: why.
        """
        if before is None or before.key_id != self.key_id:
            return replace(self, unknown=reason or _OTHER_KEY)
        return SeenImages(
            self.key_id,
            before.pictures | self.pictures,
            before.patients | self.patients,
            tuple(dict.fromkeys((*before.seen_in, *self.seen_in))),
            before.unknown,
        )


def take_down_images(datalist: Datalist, cache_dir: str | Path | None = None) -> SeenImages:
    """Take down what a training on a data set sees: the images of ``training`` and ``validation``.

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


def try_to_take_down(datalist: Datalist, seen_in: str = "pretraining") -> SeenImages | None:
    """As :func:`take_down_images`, for a run that must not end for it: None, and a warning, where it cannot be done."""
    try:
        return replace(take_down_images(datalist), seen_in=(seen_in,))
    except _FAILURES as error:
        logger.warning("Which images this run sees is not written down (%s): %s", SEEN_NAME, _why(error))
        return None


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
        return None, f"{SEEN_NAME} beside its weights is damaged, or of another training"
    document = json.loads(content)
    return SeenImages(
        document["key_id"],
        frozenset(document["pictures"]),
        frozenset(document["patients"]),
        tuple(named.get("seen_in", ("pretraining",))),
        named.get("unknown", ""),
    ), ""


def pretraining_overlap(
    weights: str | os.PathLike[str],
    sidecar: Mapping[str, Any] | None,
    folder: str | Path,
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    cache_dir: str | Path | None = None,
) -> dict[str, Any]:
    """Count the images and patients of splits that an encoder or classifier has seen.

    Only identical pixels count: a copy that was resized or saved as JPEG again is not found. A patient counts where the
    id is the same in any spelling (:func:`~monai_mocoi.data.patient_ids.patient_key`), which tells something only if
    both data sets take their ids from one list. No run ends for this: of what cannot be read (an image, the key, the
    kept fingerprints) a warning tells.

    Args:
        weights: the encoder or classifier; see :func:`read_seen_images`.
        sidecar: what its JSON file says.
        folder: the dataset folder.
        splits: items (``image``, ``name``, ``patient``) by split; such as can be read.
        cache_dir: see :func:`take_down_images`.

    Returns:
        ``{"checked": True, "splits": {name: {"images", "seen_images", "patients", "seen_patients"}}}``, all of them
        numbers, or ``{"checked": False, "reason": text}``; with ``seen_in``, such as ``["pretraining", "training"]``,
        where it is known; and with ``unknown``, a text, where what was seen before that cannot be told.
    """
    seen, reason = read_seen_images(weights, sidecar)
    record = (sidecar or {}).get("seen_images")
    record = record if isinstance(record, Mapping) else {}
    told = {name: record[name] for name in ("seen_in", "unknown") if name in record}
    if seen is None:
        return {"checked": False, "reason": reason, **told}
    try:
        return _overlap(seen, folder, splits, cache_dir) | told
    except _FAILURES as error:
        logger.warning("%s", _why(error))
        return {"checked": False, "reason": "an image or the key of the fingerprints could not be read", **told}


def _why(error: Exception) -> str:
    # The text of an OSError names a file, and files are named after patients.
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _overlap(
    seen: SeenImages,
    folder: str | Path,
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    cache_dir: str | Path | None,
) -> dict[str, Any]:
    key = fingerprint_key()
    if key_id(key) != seen.key_id:
        return {"checked": False, "reason": _OTHER_KEY}
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
        32 bytes, from the file that :data:`KEY_VARIABLE` names, else from
        ``$XDG_CONFIG_HOME/monai_mocoi/fingerprint.key`` or ``~/.config/monai_mocoi/fingerprint.key``: not from the
        cache, which may be emptied. Only without a home folder it is ``fingerprint.key`` in ``user_cache_dir()``.

    Raises:
        DatasetError: the file holds no key, or cannot be read or made.
        HomeFolderError: a home folder is needed, and not known.
    """
    path = _key_path()
    try:
        if not path.exists():
            with file_lock(path.with_name(f".{path.name}.lock")):
                if not path.exists():
                    with atomic_path(path) as temporary:
                        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                        temporary.write_text(secrets.token_hex(32) + "\n")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, RefusedError) as error:  # the latter: of the lock
        cause = error if isinstance(error, OSError) else error.__cause__
        raise DatasetError(
            f"the key of the fingerprints cannot be read or made ({getattr(cause, 'strerror', cause)}): name by "
            f"{KEY_VARIABLE} a file that you may read and write; else it is monai_mocoi/{_KEY_NAME} in your "
            "configuration folder ($XDG_CONFIG_HOME or ~/.config)."
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


def _key_path() -> Path:
    if named := os.environ.get(KEY_VARIABLE):
        return expand_home(named)
    xdg = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(xdg):
        return Path(xdg) / "monai_mocoi" / _KEY_NAME
    home = home_folder()
    return user_cache_dir() / _KEY_NAME if home is None else home / ".config" / "monai_mocoi" / _KEY_NAME


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
        code(b"patient", patient_key(item["patient"]).encode()) for item in items
    ]
