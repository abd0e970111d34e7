"""Decode once, augment often: the deterministic first part of preprocessing, kept in one memory-mapped file.

Two files a list of images, in ``user_cache_dir()/decoded``: ``<key>.npy`` holds the pictures as whole numbers,
``<key>.json`` a checksum of each. The key is a hash of everything on which the pixels depend, so that a changed file
or setting never meets an old result. Neither file holds a path, a name or an id.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import warnings
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.atomic_write import atomic_path, remove_leftovers, write_json
from monai_mocoi.data.cache_dir import user_cache_dir
from monai_mocoi.data.errors import DatasetError
from monai_mocoi.data.file_lock import file_lock
from monai_mocoi.data.file_signature import file_signature
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.versions import decoder_versions

_FORMAT = 1
_MAX_FAILURES = 20
_DTYPES: dict[int, type[np.unsignedinteger[Any]]] = {8: np.uint8, 16: np.uint16}


def describe_decode(decode: Any) -> str:
    """Write down what a decoding function does, as a part of the cache's key.

    Args:
        decode: an object with its settings as plain attributes (as this package's and MONAI's transforms have them) or
            with a telling ``repr`` (a dataclass, for example), or a composition of such objects in ``transforms``
            (MONAI's ``Compose``).

    Returns:
        the description: the same for the same settings, in any process.

    Raises:
        DatasetError: the object cannot be described (a lambda, for example), or it is random.
    """
    kind = f"{type(decode).__module__}.{type(decode).__qualname__}"
    if hasattr(decode, "transforms"):
        return " > ".join(describe_decode(transform) for transform in decode.transforms)
    if hasattr(decode, "set_random_state"):
        raise DatasetError(f"{kind} is random, so its result cannot be cached; move it from decode to transform.")
    if type(decode).__repr__ is not object.__repr__:
        text = f"{kind} {decode!r}"
    else:
        text = f"{kind} {sorted(vars(decode).items())}"
    if " at 0x" in text:  # an address: something in it has no settings to show
        raise DatasetError(
            f"decode: {kind} does not show all its settings, so a cached result could be out of date unnoticed. Use a "
            "class with plain attributes or a telling __repr__, or cache=False."
        )
    return text


def quantise(picture: torch.Tensor | NDArray[np.float32], bits: int) -> NDArray[np.unsignedinteger[Any]]:
    """Round a picture to whole numbers: q = round(v * (2**bits - 1)), a half to the even neighbour.

    Args:
        picture: (C, H, W), values 0..1. Up to 0.001 beyond is cut off (the overshoot of a resampling filter).
        bits: 8 or 16.

    Returns:
        (C, H, W) uint8 or uint16. An 8-bit source that was only scaled by 1/255 comes back exactly.

    Raises:
        DatasetError: not three-dimensional, not finite, or outside 0..1.
    """
    values = np.asarray(picture, dtype=np.float32)
    if values.ndim != 3 or values.size == 0:
        raise DatasetError(f"the decoded picture has the shape {values.shape}; it must be (channels, rows, columns).")
    low, high = float(values.min()), float(values.max())
    if not (low >= -0.001 and high <= 1.001):
        raise DatasetError(f"the decoded picture has values from {low:.4g} to {high:.4g}; they must lie in 0 to 1.")
    limit = np.float32(2**bits - 1)
    return np.rint(np.clip(values, 0, 1) * limit).astype(_DTYPES[bits])


def dequantise(values: NDArray[np.unsignedinteger[Any]]) -> torch.Tensor:
    """Return (C, H, W) float32 in 0..1 from what :func:`quantise` gave: q / (2**bits - 1)."""
    limit = np.float32(np.iinfo(values.dtype).max)
    return torch.from_numpy(np.divide(values, limit, dtype=np.float32))


class DecodedCache:
    """The decoded pictures of a list of files; made on first use, then read from one memory-mapped file.

    Several processes may open the same cache at once: one makes it while the others wait. It can be handed to loader
    workers (pickled or forked); each maps the file for itself. A row whose checksum is wrong is decoded again.

    Args:
        paths: the image files.
        decode: path -> tensor (C, H, W), values 0..1, the same shape for all files; deterministic; describes itself
            (see :func:`describe_decode`).
        bits: 8 or 16 bits a value. 8 is exact for 8-bit sources that are not resized, else an error of at most
            1/510; 16: 1/131,070.
        cache_dir: folder; None means ``user_cache_dir()/decoded``.
        workers: decoding threads; None means one a usable processor.
        progress: show a progress bar while decoding.
        names: what to call the files in an error, for example their published names; None names the index only.

    Raises:
        DatasetError: no files, files of different shapes, files that cannot be decoded, or too little free disk.
    """

    def __init__(
        self,
        paths: Sequence[str],
        decode: Callable[[str], torch.Tensor],
        bits: int = 8,
        cache_dir: str | Path | None = None,
        workers: int | None = None,
        progress: bool = True,
        names: Sequence[str] | None = None,
    ) -> None:
        if bits not in _DTYPES:
            raise DatasetError(f"bits is {bits}; a cached value takes 8 or 16 bits.")
        if len(paths) == 0:
            raise DatasetError("the list of images to decode is empty.")
        self.paths = [str(path) for path in paths]
        self.decode = decode
        self.bits = bits
        self.names = names
        folder = Path(cache_dir) if cache_dir is not None else user_cache_dir() / "decoded"
        self.key = self._key()
        self.file = folder / f"{self.key}.npy"
        self._index_file = folder / f"{self.key}.json"
        self._array: NDArray[np.unsignedinteger[Any]] | None = None
        self._warned = False
        if not self._open():
            with file_lock(folder / f"{self.key}.lock"):
                if not self._open():  # another process may have made it meanwhile
                    self._build(workers, progress)
                    if not self._open():
                        raise DatasetError(
                            "the cache of decoded images could not be read back after it was written; look at the "
                            "disk, set MONAI_MOCOI_CACHE to a folder on another one, or use cache=False."
                        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Return picture ``index`` as (C, H, W) float32 in 0..1."""
        if self._array is None and not self._open():
            self._warn_damaged()
            return self.decoded(index)
        assert self._array is not None
        row = np.asarray(self._array[index])
        if _checksum(row) != self._checksums[index]:
            self._warn_damaged()
            return self.decoded(index)
        return dequantise(row)

    def decoded(self, index: int) -> torch.Tensor:
        """Decode file ``index`` anew: bit for bit what the cache holds for it."""
        return dequantise(decode_one(self.decode, self.paths[index], index, self.bits, self.names))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}  # a pickled memmap would carry the whole array

    def _key(self) -> str:
        digest = hashlib.sha256()
        settings = [_FORMAT, describe_decode(self.decode), self.bits, sorted(decoder_versions().items())]
        digest.update(json.dumps([*settings, torch.__version__]).encode())
        for index, path in enumerate(self.paths):
            try:
                digest.update(file_signature(path))
            except OSError as error:
                raise _image_error(index, self.names, error.strerror or type(error).__name__) from None
        return digest.hexdigest()

    def _open(self) -> bool:
        """Map the file if both parts are there and agree; anything else counts as absent and is made anew."""
        try:
            index = json.loads(self._index_file.read_text())
            array = np.load(self.file, mmap_mode="r", allow_pickle=False)
            good = (
                index["key"] == self.key
                and tuple(index["shape"]) == array.shape
                and len(index["crc32"]) == len(array) == len(self)
                and array.dtype == _DTYPES[self.bits]
            )
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            return False
        if good:
            self._array, self._checksums = array, np.array(index["crc32"], dtype=np.uint32)
        return good

    def _build(self, workers: int | None, progress: bool) -> None:
        first = decode_one(self.decode, self.paths[0], 0, self.bits, self.names)
        shape = (len(self), *first.shape)
        remove_leftovers(self.file.parent, self.key)
        _check_room(self.file.parent, math.prod(shape) * first.itemsize)
        with atomic_path(self.file) as temporary:
            array = np.lib.format.open_memmap(temporary, mode="w+", dtype=first.dtype, shape=shape)
            checksums = self._fill(array, workers, progress)
            array.flush()
        # Last, because a cache counts as whole once its index is there.
        write_json(self._index_file, {"key": self.key, "shape": shape, "crc32": checksums}, indent=None)

    def _fill(self, array: NDArray[Any], workers: int | None, progress: bool) -> list[int]:
        """Decode every file into its row of ``array``; returns the rows' checksums."""

        def fill_row(index: int) -> int | DatasetError:
            try:
                row = decode_one(self.decode, self.paths[index], index, self.bits, self.names)
            except DatasetError as error:
                return error
            if row.shape != array.shape[1:]:
                reason = f"its decoded shape is {row.shape}, but that of the first image is {array.shape[1:]}"
                return _image_error(index, self.names, reason)
            array[index] = row
            return _checksum(row)

        checksums = [0] * len(self)
        failures: list[DatasetError] = []
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # decoding threads that each open a pool of their own would only slow one another
        try:
            with closing(map_in_threads(fill_row, range(len(self)), len(self), workers, "decoding", progress)) as rows:
                for index, result in rows:
                    if isinstance(result, int):
                        checksums[index] = result
                        continue
                    failures.append(result)
                    if len(failures) == _MAX_FAILURES:
                        break
        finally:
            torch.set_num_threads(threads)
        if failures:
            count = f"{len(failures)} image(s)" if len(failures) < _MAX_FAILURES else f"{_MAX_FAILURES} or more images"
            some = "\n  ".join(map(str, failures[:5]))
            raise DatasetError(f"{count} cannot be decoded; repair them or take them out of the datalist:\n  {some}")
        return checksums

    def _warn_damaged(self) -> None:
        if self._warned:
            return
        self._warned = True
        self._index_file.unlink(missing_ok=True)
        warnings.warn(
            "the cache of decoded images is damaged; the damaged ones are decoded again one by one (slower, the same "
            "result), and the next run makes the cache anew.",
            stacklevel=3,
        )


def decode_one(
    decode: Callable[[str], torch.Tensor], path: str, index: int, bits: int, names: Sequence[str] | None
) -> NDArray[np.unsignedinteger[Any]]:
    """Decode and round one file.

    Args:
        decode: path -> tensor (C, H, W), values 0..1.
        path: the file.
        index: its index in its split, for the error.
        bits: 8 or 16.
        names: what to call the files in an error; None names the index only.

    Returns:
        (C, H, W) uint8 or uint16.

    Raises:
        DatasetError: it cannot be read; the text has the index, the name and the reader's reason.
    """
    try:
        return quantise(decode(path), bits)
    except OSError as error:  # its text would hold the absolute path
        raise _image_error(index, names, error.strerror or str(error)) from None
    except ValueError as error:
        raise _image_error(index, names, str(error)) from error


def _checksum(row: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(row).data)


def _image_error(index: int, names: Sequence[str] | None, reason: str) -> DatasetError:
    name = f" ({names[index]})" if names is not None else ""
    return DatasetError(f"image {index}{name}: {reason}")


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"the cache of decoded images needs {_size(needed)}, but its folder has {_size(free)} free. Set "
            "MONAI_MOCOI_CACHE to a folder with more room, or use cache=False (decodes every image in every epoch)."
        )


def _size(n: int) -> str:
    return f"{n / 2**30:.2f} GiB" if n >= 2**30 / 10 else f"{n / 2**20:.2f} MiB"
