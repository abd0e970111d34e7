"""Where a private folder may be, and its key: read or made, and compared with that of a dataset folder."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from data_prep.inhouse.private_table import EXCLUDED_NAME, MAPPING_NAME, SITES_NAME, restrict
from data_prep.inhouse.pseudonyms import KEY_BYTES, Pseudonyms
from data_prep.record import RECORD_NAME
from monai_mocoi.data.datalist_form import DATALIST_NAME, MANIFEST_NAME
from monai_mocoi.errors import RefusedError
from monai_mocoi.files.atomic_write import remove_leftovers, write_bytes
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.home_folder import expand_home

KEY_NAME, LOCK_NAME, LOG_NAME = "key", ".lock", "private.log"
_OWN = {KEY_NAME, LOCK_NAME, LOG_NAME, MAPPING_NAME, EXCLUDED_NAME, SITES_NAME}


def check_place(folder: str | os.PathLike[str], forbidden: Sequence[str | os.PathLike[str]]) -> None:
    """Refuse a place for a private folder, which may be missing: it must not lie with the data."""
    path = expand_home(folder).resolve()
    if path.exists() and not path.is_dir():
        raise RefusedError("the private folder is a file; name a folder.")
    for other in (*forbidden, user_cache_dir()):
        place = expand_home(other).resolve()
        if path == place or place in path.parents or path in place.parents:
            raise RefusedError(
                "the private folder lies in a folder with images, the dataset folder or the cache, or one of them in "
                "it; the key must not travel with the data. Name a folder elsewhere."
            )
    for above in (path, *path.parents):
        is_run = (above / MANIFEST_NAME).is_file() and (above / "config.json").is_file()
        if is_run or any((above / name).is_file() for name in (DATALIST_NAME, RECORD_NAME)):
            raise RefusedError(
                "the private folder lies in a dataset folder or a run folder; the key must not travel with the data. "
                "Name a folder elsewhere."
            )


def read_or_make_key(folder: Path) -> bytes:
    """Read the key of a private folder, or make it: never anew where something was named with one that is gone."""
    file = folder / KEY_NAME
    remove_leftovers(folder)
    if others := set(os.listdir(folder)) - _OWN:
        raise RefusedError(
            f"the private folder holds something else ({len(others)} file(s) or folder(s)); name a new folder, or the "
            "private folder of an earlier preparation."
        )
    if not file.exists():
        if (folder / MAPPING_NAME).exists():
            raise RefusedError(
                f"the private folder has a {MAPPING_NAME} but no {KEY_NAME}: a new key would give other pseudonyms to "
                "the same patients. Bring the key back from a copy, or name a new folder."
            )
        write_bytes(file, secrets.token_bytes(KEY_BYTES))
    restrict(file, 0o600)
    key = file.read_bytes()
    if len(key) != KEY_BYTES:
        raise RefusedError(
            f"the {KEY_NAME} in the private folder has {len(key)} bytes, not {KEY_BYTES}, so it is no key of data_prep "
            "or is damaged. Bring it back from a copy, or name a new folder."
        )
    return key


def check_key(folder: str | os.PathLike[str], known: str) -> None:
    """Refuse a private folder whose key does not have the fingerprint ``known`` of a dataset folder; write nothing."""
    path = expand_home(folder).resolve()
    file = path / KEY_NAME
    key = file.read_bytes() if file.is_file() else b""
    if len(key) == KEY_BYTES and Pseudonyms(key).key_fingerprint == known:
        return
    if not key and (path / MAPPING_NAME).exists():  # opening the folder says that the key is lost
        return
    raise RefusedError(
        "this private folder is not the one that the dataset folder was begun with (it has another key, or none); give "
        "that one, or another dataset folder. Nothing was written."
    )
