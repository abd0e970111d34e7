"""Decoding shared by processes: one makes a cache, and those that wait for it decode parts of its list for it."""

import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi.data.decode import Decoded, ImageList, checksum
from monai_mocoi.data.parallel import map_in_threads, share_of_cpus
from monai_mocoi.errors import DatasetError, LockError
from monai_mocoi.files.file_lock import file_lock

_PART = 32  # images
_PAUSE = 0.05  # seconds
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


class SharedDecoding:
    """The parts of a list of images, in a ``folder`` of their own while the cache is being made.

    ``<n>.lock`` is held by the helper that decodes part n, ``<n>.npz`` is what it has found, and ``<n>.taken`` says
    that the maker of the cache has the part. Of a helper that dies its lock is free, and the maker decodes the part.
    Nothing in it holds a path, a name or an id.
    """

    def __init__(self, images: ImageList, folder: Path) -> None:
        self.images, self.folder = images, folder
        self._parts = -(-len(images) // _PART)
        self._helps = self._parts > 1

    def work(self) -> Iterator[tuple[int, Decoded | None]]:
        """For the maker: each image once, by its index, with what a helper has found; None: decode it here."""
        self.clear()
        if self._parts == 1:
            yield from ((index, None) for index in range(len(self.images)))
            return
        self.folder.mkdir(exist_ok=True)  # a helper may have made it anew while it was removed
        left = list(range(self._parts))
        while left:
            there = set(os.listdir(self.folder))
            part = next((part for part in left if f"{part}.npz" in there), None)
            if part is None:
                part = next((part for part in left if self._take(part)), None)
            if part is None:  # all that are left are being decoded
                with file_lock(self._name(left[0], "lock")):
                    continue
            left.remove(part)
            yield from self._found(part)

    @contextmanager
    def locked_or_helping(self, lock: Path) -> Iterator[None]:
        """Hold the lock of the cache; as long as another process has it, decode parts for that one."""
        while True:
            with file_lock(lock, wait=False) as held:
                if held:
                    yield
                    return
            if not self.help():
                time.sleep(_PAUSE)

    def clear(self) -> None:
        """Remove the folder; only for who holds the lock of the cache."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def help(self) -> bool:
        """Decode one part that nobody has begun, the last first; False: there is none at the moment."""
        if not self._helps or not self.folder.is_dir():
            return False
        try:
            there = set(os.listdir(self.folder))
            if sum(name.endswith(".npz") for name in there) >= _PART:
                return False  # the maker is slower: the disk is not filled with what it has not taken
            for part in reversed(range(self._parts)):
                if {f"{part}.taken", f"{part}.npz"} & there:
                    continue
                with file_lock(self._name(part, "lock"), wait=False) as held:
                    if held and not self._is_begun(part):
                        self._write(part)
                        return True
        except (FileNotFoundError, LockError):  # the maker has removed the folder
            return False
        except (DatasetError, OSError, MemoryError, ValueError):  # the maker finds the same, and tells of it
            self._helps = False
        return False

    def _name(self, part: int, suffix: str) -> Path:
        return self.folder / f"{part}.{suffix}"

    def _indices(self, part: int) -> range:
        return range(part * _PART, min((part + 1) * _PART, len(self.images)))

    def _is_begun(self, part: int) -> bool:
        return self._name(part, "taken").exists() or self._name(part, "npz").exists()

    def _take(self, part: int) -> bool:
        """Take a part that no helper has; a free one without a result is the maker's."""
        with file_lock(self._name(part, "lock"), wait=False) as held:
            if held:
                self._name(part, "taken").touch()
            return held

    def _found(self, part: int) -> Iterator[tuple[int, Decoded | None]]:
        self._name(part, "taken").touch()
        found: dict[int, Decoded] = {}
        try:
            with np.load(self._name(part, "npz"), allow_pickle=False) as arrays:
                found = dict(_decoded({name: arrays[name] for name in arrays.files}))
        except _UNREADABLE:
            pass  # no helper had it, or what it wrote is damaged
        self._name(part, "npz").unlink(missing_ok=True)
        yield from ((index, found.get(index)) for index in self._indices(part))

    def _write(self, part: int) -> None:
        indices = self._indices(part)
        results = map_in_threads(self.images.looked_at, indices, len(indices), share_of_cpus(), progress=False)
        found = {indices[position]: one for position, one in results}
        good = {index: one for index, one in found.items() if not isinstance(one, str)}
        arrays: dict[str, Any] = {
            "index": np.array(list(good), dtype=np.int64),
            "rows": np.stack([one[0] for one in good.values()]) if good else np.zeros(0, np.uint8),
            "crc32": np.array([one[1] for one in good.values()], dtype=np.uint32),
            "ignored": np.array([one[2] for one in good.values()], dtype=bool),
            "bad": np.array(json.dumps([(index, one) for index, one in found.items() if isinstance(one, str)])),
        }
        # What the maker has still to write is at most the whole cache: a helper must not take its room.
        nbytes = arrays["rows"].nbytes
        if good and shutil.disk_usage(self.folder).free < nbytes * (1 + len(self.images) / len(good)):
            self._helps = False
            return
        temporary = self._name(part, f"{os.getpid()}.tmp")
        with open(temporary, "wb") as file:  # not atomic_path: it would make a folder anew that the maker has removed
            np.savez(file, **arrays)
        os.replace(temporary, self._name(part, "npz"))


def _decoded(arrays: dict[str, Any]) -> Iterator[tuple[int, Decoded]]:
    """What a helper wrote, by index, without rows that were damaged on the way."""
    for index, row, crc32, ignored in zip(
        *(arrays[name] for name in ("index", "rows", "crc32", "ignored")), strict=True
    ):
        if checksum(row) == crc32:
            yield int(index), (row, int(crc32), bool(ignored))
    for index, reason in json.loads(str(arrays["bad"])):
        yield index, reason
