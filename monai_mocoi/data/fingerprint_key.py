"""Secret key of the fingerprints: who has it can look for a picture among codes; made on first use."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.data.patient_ids import patient_key
from monai_mocoi.errors import DatasetError, LockError
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.home_folder import expand_home, home_folder

KEY_VARIABLE = "MONAI_MOCOI_KEY"
"""Environment variable with the path of the key's file; without it, it lies in the user's configuration folder."""

KEY_NAME = "fingerprint.key"
_CODE = 16  # hexadecimal digits: two of 100,000 and 10,000 codes meet by a chance of 5e-11


def fingerprint_key() -> bytes:
    """The user's secret key, 32 bytes; made on first use, readable by nobody else.

    It is in the file that :data:`KEY_VARIABLE` names, else in ``$XDG_CONFIG_HOME/monai_mocoi/fingerprint.key`` or
    ``~/.config/monai_mocoi/fingerprint.key``: not in the cache, which may be emptied. Only without a home folder it is
    in ``user_cache_dir()``. Raises DatasetError: the file holds no key, or cannot be read or made. Raises
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
    except OSError as error:
        cause = error.__cause__ if isinstance(error, LockError) else error
        raise DatasetError(
            f"the key of the fingerprints cannot be read or made ({getattr(cause, 'strerror', cause)}): name by "
            f"{KEY_VARIABLE} a file that you may read and write; else it is monai_mocoi/{KEY_NAME} in your "
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
        return Path(xdg) / "monai_mocoi" / KEY_NAME
    home = home_folder()
    return user_cache_dir() / KEY_NAME if home is None else home / ".config" / "monai_mocoi" / KEY_NAME


def key_id(key: bytes) -> str:
    """A name of a key, from which nothing of it can be read: it has 256 random bits."""
    return hashlib.sha256(b"monai_mocoi fingerprint key\0" + key).hexdigest()[:_CODE]


def codes(key: bytes, folder: str | Path, items: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Codes of the pictures and of the patients of items, in their order."""

    def code(kind: bytes, content: bytes) -> str:
        return hmac.new(key, kind + b"\0" + content, hashlib.sha256).hexdigest()[:_CODE]

    if not items:
        return [], []
    paths, names = ([item[name] for item in items] for name in ("image", "name"))
    prints = dataset_fingerprints(folder, paths, names, drop_others=False)
    return [code(b"picture", bytes(digest)) for digest in prints.digests], [
        code(b"patient", patient_key(item["patient"]).encode()) for item in items
    ]
