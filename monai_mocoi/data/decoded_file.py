"""File of decoded pictures: a memory-mapped array, and beside it each row's checksum and why one is missing.

``<key>.npy`` holds the pictures, ``<key>.json`` the rest. Neither file holds a path, a name or an id.
"""

import json
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.decode import Levels, Take, checksum
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.atomic_write import atomic_path, remove_leftovers, write_json
from monai_mocoi.files.cache_dir import check_room, writing_cache
from monai_mocoi.transforms.rounding import DTYPES

logger = logging.getLogger(__name__)

_WHAT = "the cache of decoded images"
_WITHOUT = "use cache=False (decodes every image in every epoch)"


class DecodedFile:
    """The rows of ``count`` images in ``path``; ``bad`` says why an image has no row, by its index, in order.

    It can be handed to loader workers (pickled or forked); each maps the file for itself. A file of another ``key``
    counts as absent.
    """

    def __init__(self, folder: Path, key: str, count: int, bits: int) -> None:
        self.key, self.count, self.bits = key, count, bits
        self.path = folder / f"{key}.npy"
        self.bad: dict[int, str] = {}
        self._index = folder / f"{key}.json"
        self._array: Levels | None = None
        self._checksums = np.zeros(0, dtype=np.uint32)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}  # a pickled memmap would carry the whole array

    def open(self) -> bool:
        """Map the file if both parts are there and agree; anything else counts as absent and is made anew."""
        try:
            index = json.loads(self._index.read_text(encoding="utf-8"))
            array = np.load(self.path, mmap_mode="r", allow_pickle=False)
            bad = dict(index["bad"])
            good = (
                index["key"] == self.key
                and tuple(index["shape"]) == array.shape
                and len(index["crc32"]) == len(array) == self.count
                and array.dtype == DTYPES[self.bits]
                and all(type(row) is int and 0 <= row < self.count and type(bad[row]) is str for row in bad)
            )
            checksums = np.array(index["crc32"], dtype=np.uint32)
        except (OSError, ValueError, KeyError, TypeError, EOFError, OverflowError):
            return False
        if good:
            self._array, self._checksums, self.bad = array, checksums, bad
        return good

    def row(self, index: int) -> Levels | None:
        """The picture of an image; None where its row, or the whole file, is damaged."""
        if self._array is None and not self.open():
            return None
        assert self._array is not None
        row = np.asarray(self._array[index])
        return row if checksum(row) == self._checksums[index] else None

    def mend(self, index: int, row: Levels) -> bool:
        """Write a damaged row again in its place; False where it is not the row that was there, by its checksum."""
        if self._array is None or row.shape != self._array.shape[1:] or checksum(row) != self._checksums[index]:
            return False
        with open(self.path, "r+b") as file:
            file.seek(os.path.getsize(self.path) - (self.count - index) * row.nbytes)
            file.write(np.ascontiguousarray(row).data)
            file.flush()
            os.fsync(file.fileno())
        return True

    def forget(self) -> None:
        """Take the index away: the file counts as absent from now on."""
        self._index.unlink(missing_ok=True)

    def write(self, shape: tuple[int, ...], fill: Callable[[Take], dict[int, str]]) -> None:
        """Make both files anew, of pictures of one shape: ``fill`` hands each to the function that it is given.

        Raises CacheFullError, DatasetError: the disk; nothing half written is left. Also what ``fill`` raises.
        """
        dtype = np.dtype(DTYPES[self.bits])
        picture_bytes = math.prod(shape) * dtype.itemsize
        self.forget()
        remove_leftovers(self.path.parent, self.key)
        size = check_room(self.path.parent, self.count * picture_bytes, _WHAT, _WITHOUT)
        logger.info("Decoding %d images once; the cache will take %s.", self.count, size)
        checksums = [0] * self.count
        writing = writing_cache(_WHAT, "what was written of it is removed", _WITHOUT)
        # Written, not mapped: into a mapped file, the first page that finds no room would end the process.
        with writing, atomic_path(self.path) as temporary, open(temporary, "wb") as file:
            whole = (self.count, *shape)
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": whole}
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()

            def take(index: int, row: NDArray[Any], checksum: int) -> None:
                file.seek(start + index * picture_bytes)
                file.write(row.data)
                checksums[index] = checksum

            bad = fill(take)
            file.truncate(start + self.count * picture_bytes)  # the last rows may be those of unreadable images
            file.flush()
            os.fsync(file.fileno())
        index = {"key": self.key, "shape": whole, "crc32": checksums, "bad": list(bad.items())}
        try:
            with writing_cache(_WHAT, "what was written of it is removed", _WITHOUT):
                write_json(self._index, index, indent=None)  # last: with it, the cache counts as whole
        except DatasetError:
            self.path.unlink(missing_ok=True)
            raise
