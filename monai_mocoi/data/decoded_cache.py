"""Decode once, augment often: the deterministic first part of preprocessing, kept in one memory-mapped file.

Two files a list of images, in ``user_cache_dir()/decoded``: ``<key>.npy`` holds the pictures as whole numbers,
``<key>.json`` a checksum of each, and why one cannot be read. The key is a hash of everything on which the pixels
depend, so that a changed file or setting never meets an old result. Neither file holds a path, a name or an id.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import math
import os
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.pixel_versions import decoder_versions
from monai_mocoi.errors import CacheFullError, DatasetError, ImageDecodeError, ImageReadError
from monai_mocoi.files.atomic_write import atomic_path, remove_leftovers, write_json
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.file_signature import file_signature
from monai_mocoi.transforms.dicom import WINDOW_IGNORED
from monai_mocoi.transforms.reader import collected_notes
from monai_mocoi.transforms.rounding import DTYPES, dequantise, quantise

logger = logging.getLogger(__name__)

_Read = TypeVar("_Read")
_FORMAT = 3
_MAX_FAILURES = 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Too little memory, disk or file handles: the machine's fault, so no image may be left out for it.
_MACHINE = (errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)


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
        max_bad_share: share of the files that may be unreadable, 0..1; they are listed in ``bad``. None: not one, and
            the error says so without naming a share.

    Attributes:
        bad: why each unreadable file cannot be read, by its index, in order. A cache that was made earlier remembers
            them; when it is opened they alone are tried again, and it is made anew if one can be read now (its disk was
            mended, or the rights of its folder, which the file's signature does not show).

    Raises:
        DatasetError: no files, files of different shapes, too many files that cannot be read.
        CacheFullError: too little room on the disk. Nothing half written is left.
        MemoryError: too little memory to decode an image, which is not left out for that.
    """

    def __init__(
        self,
        paths: Sequence[str],
        decode: Callable[[str], torch.Tensor],
        bits: int = 8,
        cache_dir: str | Path | None = None,
        workers: int | None = None,
        progress: bool = True,
        names: Sequence[str | None] | None = None,
        max_bad_share: float | None = None,
    ) -> None:
        if bits not in DTYPES:
            raise DatasetError(f"bits is {bits}; a cached value takes 8 or 16 bits.")
        if len(paths) == 0:
            raise DatasetError("the list of images to decode is empty.")
        self.paths = [str(path) for path in paths]
        self.decode = decode
        self.bits = bits
        self.names = names
        self.max_bad_share = max_bad_share
        self.bad: dict[int, str] = {}
        folder = Path(cache_dir) if cache_dir is not None else user_cache_dir() / "decoded"
        self._signatures = [_signature(path) for path in self.paths]
        self.key = self._key()
        self.file = folder / f"{self.key}.npy"
        self._index_file = folder / f"{self.key}.json"
        self._lock_file = folder / f"{self.key}.lock"
        self._array: NDArray[np.unsignedinteger[Any]] | None = None
        self._warned = False
        if not self._is_up_to_date():
            with file_lock(self._lock_file):
                if not self._is_up_to_date():  # another process may have made it meanwhile
                    self._index_file.unlink(missing_ok=True)
                    self._build(workers, progress)
                    if not self._open():
                        raise DatasetError(
                            "the cache of decoded images could not be read back after it was written; look at the "
                            "disk, set MONAI_MOCOI_CACHE to a folder on another one, or use cache=False."
                        )
        if _too_many(len(self.bad), len(self), max_bad_share):
            raise _unreadable(self.bad, len(self), names, max_bad_share)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Return picture ``index`` as (C, H, W) float32 in 0..1.

        Raises:
            ImageDecodeError: the file is one of ``bad``; or its row is damaged and the file has changed, or can no
                longer be read, since the cache was opened.
        """
        if index in self.bad:
            raise _image_error(index, self.names, self.bad[index])
        if self._array is None:
            self._open()
        row = self._row(index)
        if row is None:
            self._warn_damaged(index)
            return self._again(index)
        return dequantise(row)

    def _row(self, index: int) -> NDArray[np.unsignedinteger[Any]] | None:
        """Row of the file; None where it, or the whole file, is damaged."""
        if self._array is None:
            return None
        row = np.asarray(self._array[index])
        return row if _checksum(row) == self._checksums[index] else None

    def decoded(self, index: int) -> torch.Tensor:
        """Decode file ``index`` anew: bit for bit what the cache holds for it."""
        return dequantise(decode_one(self.decode, self.paths[index], index, self.bits, self.names))

    def _again(self, index: int) -> torch.Tensor:
        """Decode a file whose row is damaged, if it is still the file from which the row was made."""
        if _signature(self.paths[index]) != self._signatures[index]:
            reason = "its file was changed, replaced or removed"
            raise changed_in_the_run(_image_error(index, self.names, reason))
        try:
            return self.decoded(index)
        except ImageDecodeError as error:
            raise changed_in_the_run(error) from None

    def _is_up_to_date(self) -> bool:
        return self._open() and not any(self._readable(index) for index in self.bad)

    def _readable(self, index: int) -> bool:
        try:
            self.decoded(index)
        except ImageDecodeError:
            return False
        return True

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}  # a pickled memmap would carry the whole array

    def _key(self) -> str:
        digest = hashlib.sha256()
        settings = [_FORMAT, describe_decode(self.decode), self.bits, sorted(decoder_versions().items())]
        digest.update(json.dumps([*settings, torch.__version__]).encode())
        digest.update(b"".join(self._signatures))
        return digest.hexdigest()

    def _open(self) -> bool:
        """Map the file if both parts are there and agree; anything else counts as absent and is made anew."""
        try:
            index = json.loads(self._index_file.read_text(encoding="utf-8"))
            array = np.load(self.file, mmap_mode="r", allow_pickle=False)
            bad = dict(index["bad"])
            good = (
                index["key"] == self.key
                and tuple(index["shape"]) == array.shape
                and len(index["crc32"]) == len(array) == len(self)
                and array.dtype == DTYPES[self.bits]
                and all(type(row) is int and 0 <= row < len(self) and type(bad[row]) is str for row in bad)
            )
            checksums = np.array(index["crc32"], dtype=np.uint32)
        except (OSError, ValueError, KeyError, TypeError, EOFError, OverflowError):
            return False
        if good:
            self._array, self._checksums, self.bad = array, checksums, bad
        return good

    def _build(self, workers: int | None, progress: bool) -> None:
        shape = (len(self), *self._picture_shape())
        dtype = np.dtype(DTYPES[self.bits])
        picture_bytes = math.prod(shape[1:]) * dtype.itemsize
        remove_leftovers(self.file.parent, self.key)
        _check_room(self.file.parent, len(self) * picture_bytes)
        checksums = [0] * len(self)
        # Written, not mapped: into a mapped file, the first page that finds no room would end the process.
        with _disk_errors(), atomic_path(self.file) as temporary, open(temporary, "wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()

            def write_row(index: int, row: NDArray[Any], checksum: int) -> None:
                if row.shape != shape[1:]:
                    reason = f"its decoded shape is {row.shape}, but that of the first image is {shape[1:]}"
                    advice = "End decode with a step that gives all images one size and number of channels."
                    raise DatasetError(f"{_place(index, self.names)}: {reason}. {advice}")
                file.seek(start + index * picture_bytes)
                file.write(row.data)
                checksums[index] = checksum

            bad = decode_all(
                self.decode, self.paths, self.bits, self.names, self.max_bad_share, write_row, workers, progress
            )
            file.truncate(start + len(self) * picture_bytes)  # the last rows may be those of unreadable images
            file.flush()
            os.fsync(file.fileno())
        index = {"key": self.key, "shape": shape, "crc32": checksums, "bad": list(bad.items())}
        try:
            with _disk_errors():
                write_json(self._index_file, index, indent=None)  # last: with it, the cache counts as whole
        except DatasetError:
            self.file.unlink(missing_ok=True)
            raise

    def _picture_shape(self) -> tuple[int, ...]:
        """Return the decoded shape of the first image that can be read."""
        bad: dict[int, str] = {}
        for index, path in enumerate(self.paths):
            try:
                return decode_one(self.decode, path, index, self.bits, self.names).shape
            except ImageDecodeError as error:
                bad[index] = error.reason
            if len(bad) == _MAX_FAILURES and _too_many(len(bad), len(self), self.max_bad_share):
                raise _unreadable(bad, len(self), self.names, self.max_bad_share, complete=False)
        raise _unreadable(bad, len(self), self.names, self.max_bad_share)

    def _warn_damaged(self, index: int) -> None:
        if self._warned:
            return
        self._warned = True
        # Another process may be making the cache anew, or have done so; and one that cannot be written is still read.
        with suppress(DatasetError, OSError), file_lock(self._lock_file, wait=False) as held:
            if held and not (self._open() and self._row(index) is not None):
                self._index_file.unlink(missing_ok=True)
        warnings.warn(
            "the cache of decoded images is damaged; the damaged ones are decoded again one by one (slower, the same "
            "result), and the next run makes the cache anew.",
            stacklevel=3,
        )


def decode_one(
    decode: Callable[[str], torch.Tensor], path: str, index: int, bits: int, names: Sequence[str | None] | None
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
        ImageDecodeError: it cannot be read, holds values that are not finite or outside 0..1, or rounding leaves one
            value of it; the text has the index, the name and the reader's reason.
        MemoryError, DatasetError: the machine has too little memory, or no file handle or disk left: not the image's
            fault.
    """
    return read_one(lambda: np.ascontiguousarray(quantise(decode(path), bits)), path, index, names)


def read_one(read: Callable[[], _Read], path: str, index: int, names: Sequence[str | None] | None) -> _Read:
    """Call what reads one file, and turn what goes wrong into an error of the image's or of the machine's.

    Args:
        read: reads the file.
        path: the file; it is taken out of every text.
        index: its index in its split, for the error.
        names: what to call the files in an error; None names the index only.

    Returns:
        what it read.

    Raises:
        ImageDecodeError, MemoryError, DatasetError: as :func:`decode_one`.
    """
    try:
        return read()
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        _raise_for_the_machine(error, f"{_place(index, names)}: ")
        root: BaseException = error
        while isinstance(root, RuntimeError) and root.__cause__ is not None:  # MONAI's Compose wraps what a step raises
            root = root.__cause__
        if isinstance(root, OSError):  # the text of the system's own would hold the path
            reason = root.strerror or str(root)
        elif isinstance(root, ValueError):
            reason = str(root)
        else:
            raise
        if not isinstance(root, ImageReadError | DatasetError):  # those name no file
            reason = _without_path(reason, path)
        raise _image_error(index, names, reason) from None  # the chain is cut, for its texts could hold the path


def decode_all(
    decode: Callable[[str], torch.Tensor],
    paths: Sequence[str],
    bits: int,
    names: Sequence[str | None] | None = None,
    max_bad_share: float | None = None,
    take: Callable[[int, NDArray[Any], int], None] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> dict[int, str]:
    """Decode every file once, in threads, and log how many have a window that cannot be used.

    Args:
        decode: path -> tensor (C, H, W), values 0..1.
        paths: the files.
        bits: 8 or 16.
        names: what to call the files in an error; None names the index only.
        max_bad_share: share of the files that may be unreadable, 0..1; None: not one.
        take: called in this thread with index, picture and checksum of each file that can be read, in the order in
            which they are ready; None only looks whether they can be read.
        workers: decoding threads; None means one a usable processor.
        progress: show a progress bar.

    Returns:
        why each unreadable file cannot be read, by its index, in order.

    Raises:
        DatasetError: more files than allowed cannot be read, or none can; the text lists the first ones.
    """

    def one(index: int) -> tuple[NDArray[Any], int, bool] | str:
        try:
            with collected_notes() as notes:
                row = decode_one(decode, paths[index], index, bits, names)
        except ImageDecodeError as error:
            return error.reason
        return row, _checksum(row), WINDOW_IGNORED in notes

    bad: dict[int, str] = {}
    ignored = 0
    complete = True
    total = len(paths)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # decoding threads that each open a pool of their own would only slow one another
    try:
        with closing(map_in_threads(one, range(total), total, workers, "decoding", progress)) as results:
            for index, result in results:
                if not isinstance(result, str):
                    row, checksum, window_ignored = result
                    ignored += window_ignored
                    if take is not None:
                        take(index, row, checksum)
                    continue
                bad[index] = result
                if len(bad) >= _MAX_FAILURES and _too_many(len(bad), total, max_bad_share):
                    complete = False
                    break
    finally:
        torch.set_num_threads(threads)
    bad = dict(sorted(bad.items()))
    if _too_many(len(bad), total, max_bad_share):
        raise _unreadable(bad, total, names, max_bad_share, complete)
    warn_of_ignored_windows(ignored, total - len(bad))
    return bad


def warn_of_ignored_windows(ignored: int, total: int) -> None:
    """Log how many of the pictures that were read have a window that cannot be used; nothing if none has."""
    if ignored:
        logger.warning(
            "%d of %d pictures have a DICOM window or LUT that cannot be used; it was ignored, so they may be darker "
            "or flatter than meant.",
            ignored,
            total,
        )


def changed_in_the_run(error: ImageDecodeError) -> ImageDecodeError:
    """Say of an image that could be read when the run began that it has changed since."""
    text = str(error).rstrip(".")
    return ImageDecodeError(
        f"{text}. It could be read when the run began, so it changed during the run. Look at the disk and at who "
        "writes to the dataset folder, restore the file, and start again.",
        error.reason,
    )


def _too_many(bad: int, total: int, max_bad_share: float | None) -> bool:
    return bad > 0 and (max_bad_share is None or bad == total or bad / total > max_bad_share)


def _unreadable(
    bad: Mapping[int, str],
    total: int,
    names: Sequence[str | None] | None,
    max_bad_share: float | None,
    complete: bool = True,
) -> DatasetError:
    """Make the error for a list of images of which too many cannot be read."""
    count = f"{len(bad)} of {total} images" if complete else f"{len(bad)} or more of {total} images"
    some = "".join(f"\n  {_place(index, names)}: {reason}" for index, reason in list(bad.items())[:5])
    some += "\n  ..." if len(bad) > 5 or not complete else ""
    mend = "Repair them (copy or export them again) or take them out of the datalist"
    if len(bad) == total:
        return DatasetError(f"{count} cannot be read, so none is left:{some}\n{mend}.")
    if max_bad_share is None:
        return DatasetError(f"{count} cannot be read:{some}\n{mend}; or leave them out with --on_bad_image skip.")
    share = f"{'' if complete else 'at least '}{100 * len(bad) / total:.3g} %"
    return DatasetError(
        f"{count} ({share}) cannot be read; on_bad_image is skip, but max_bad_share is {max_bad_share:g} "
        f"({100 * max_bad_share:.3g} %):{some}\n{mend}; or, if so many may be missing, raise max_bad_share."
    )


def _raise_for_the_machine(error: BaseException, place: str) -> None:
    """Raise anew what is no fault of the image, also where the reader has made it an error of the image's."""
    seen: BaseException | None = error
    while seen is not None:
        number = getattr(seen, "errno", None)
        if isinstance(seen, MemoryError) or number == errno.ENOMEM:
            raise MemoryError(
                f"{place}there is too little memory to decode it. Close other programs, use fewer num_workers or a "
                "machine with more memory; or, if this image alone needs so much, take it out of the datalist."
            ) from None
        if number in _MACHINE:
            raise DatasetError(
                f"{place}{os.strerror(number)}. This is the machine's fault and not the image's, so it is not left out."
            ) from None
        seen = seen.__cause__ or seen.__context__


def _without_path(text: str, path: str) -> str:
    """Take a path and its last part out of what a decoder says: they can identify a patient."""
    for part in filter(None, (os.path.abspath(path), path, os.path.basename(path))):
        text = text.replace(part, "the file")
    return text


def _signature(path: str) -> bytes:
    """Return the signature of a file; zeros for one that is not there, so that the key is another once it is."""
    try:
        return file_signature(path)
    except OSError:
        return bytes(16)


def _checksum(row: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(row).data)


def _place(index: int, names: Sequence[str | None] | None) -> str:
    name = names[index] if names is not None else None
    return f"image {index}" + (f" ({name})" if name is not None else "")


def _image_error(index: int, names: Sequence[str | None] | None, reason: str) -> ImageDecodeError:
    return ImageDecodeError(f"{_place(index, names)}: {reason}", reason)


_ELSEWHERE = (
    "Set MONAI_MOCOI_CACHE to a folder with more room, or use cache=False (decodes every image in every epoch)."
)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn what the system says while the cache is written into an error with a next step, without the path."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise CacheFullError(
                f"there was no more room for the cache of decoded images ({error.strerror}); what was written of it is "
                f"removed. {_ELSEWHERE}"
            ) from None
        raise DatasetError(
            f"the cache of decoded images cannot be written ({error.strerror}); look at its disk. {_ELSEWHERE}"
        ) from None


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CacheFullError(
            f"the cache of decoded images needs {_size(needed)}, but its folder has {_size(free)} free. {_ELSEWHERE}"
        )


def _size(n: int) -> str:
    return f"{n / 2**30:.2f} GiB" if n >= 2**30 / 10 else f"{n / 2**20:.2f} MiB"
