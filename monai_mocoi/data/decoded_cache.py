"""Cache of decoded images: decode once, augment often.

One :class:`~monai_mocoi.data.decoded_file.DecodedFile` a list of images, in ``user_cache_dir()/decoded``. Its key is a
hash of everything on which the pixels depend, so that a changed file or setting never meets an old result.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from monai_mocoi.data.decode import Decode, decode_all, decode_one
from monai_mocoi.data.decode_errors import (
    MAX_FAILURES,
    changed_in_the_run,
    image_error,
    image_name,
    too_many,
    unreadable,
)
from monai_mocoi.data.decoded_file import DecodedFile
from monai_mocoi.data.pixel_versions import decoder_versions
from monai_mocoi.errors import DatasetError, ImageDecodeError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.file_signature import file_signature
from monai_mocoi.transforms.rounding import DTYPES, dequantise

_FORMAT = 3


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

    Several processes may open the same cache at once: one makes it while the others wait. A row whose checksum is wrong
    is decoded again.

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
        MemoryError: too little memory to decode an image, which is not left out because of it.
    """

    def __init__(
        self,
        paths: Sequence[str],
        decode: Decode,
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
        self.decode, self.bits, self.names, self.max_bad_share = decode, bits, names, max_bad_share
        folder = Path(cache_dir) if cache_dir is not None else user_cache_dir() / "decoded"
        self._signatures = [_signature(path) for path in self.paths]
        self.key = self._key()
        self._stored = DecodedFile(folder, self.key, len(self), bits)
        self._lock_file = folder / f"{self.key}.lock"
        self._warned = False
        if not self._is_up_to_date():
            with file_lock(self._lock_file):
                if not self._is_up_to_date():  # another process may have made it meanwhile
                    self._make(workers, progress)
        if too_many(len(self.bad), len(self), max_bad_share):
            raise unreadable(self.bad, len(self), names, max_bad_share)

    @property
    def bad(self) -> dict[int, str]:
        """Why each unreadable file cannot be read, by its index."""
        return self._stored.bad

    @property
    def file(self) -> Path:
        """The array's file."""
        return self._stored.path

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Return picture ``index`` as (C, H, W) float32 in 0..1.

        Raises:
            ImageDecodeError: the file is one of ``bad``; or its row is damaged and the file has changed, or can no
                longer be read, since the cache was opened.
        """
        if index in self.bad:
            raise image_error(index, self.names, self.bad[index])
        row = self._stored.row(index)
        if row is None:
            self._warn_damaged(index)
            return self._again(index)
        return dequantise(row)

    def decoded(self, index: int) -> torch.Tensor:
        """Decode file ``index`` anew: bit for bit what the cache holds for it."""
        return dequantise(decode_one(self.decode, self.paths[index], index, self.bits, self.names))

    def _again(self, index: int) -> torch.Tensor:
        """Decode a file whose row is damaged, if it is still the file from which the row was made."""
        if _signature(self.paths[index]) != self._signatures[index]:
            reason = "its file was changed, replaced or removed"
            raise changed_in_the_run(image_error(index, self.names, reason))
        try:
            return self.decoded(index)
        except ImageDecodeError as error:
            raise changed_in_the_run(error) from None

    def _is_up_to_date(self) -> bool:
        return self._stored.open() and not any(self._readable(index) for index in self.bad)

    def _readable(self, index: int) -> bool:
        try:
            self.decoded(index)
        except ImageDecodeError:
            return False
        return True

    def _key(self) -> str:
        digest = hashlib.sha256()
        settings = [_FORMAT, describe_decode(self.decode), self.bits, sorted(decoder_versions().items())]
        digest.update(json.dumps([*settings, torch.__version__]).encode())
        digest.update(b"".join(self._signatures))
        return digest.hexdigest()

    def _make(self, workers: int | None, progress: bool) -> None:
        self._stored.forget()
        shape = self._picture_shape()

        def wrong_shape(index: int, other: tuple[int, ...]) -> DatasetError:
            reason = f"its decoded shape is {other}, but that of the first image is {shape}"
            advice = "End decode with a step that gives all images one size and number of channels."
            return DatasetError(f"{image_name(index, self.names)}: {reason}. {advice}")

        self._stored.write(
            shape,
            lambda take: decode_all(
                self.decode, self.paths, self.bits, self.names, self.max_bad_share, take, workers, progress
            ),
            wrong_shape,
        )
        if not self._stored.open():
            raise DatasetError(
                "the cache of decoded images could not be read back after it was written; look at the disk, set "
                "MONAI_MOCOI_CACHE to a folder on another one, or use cache=False."
            )

    def _picture_shape(self) -> tuple[int, ...]:
        """Return the decoded shape of the first image that can be read."""
        bad: dict[int, str] = {}
        for index, path in enumerate(self.paths):
            try:
                return decode_one(self.decode, path, index, self.bits, self.names).shape
            except ImageDecodeError as error:
                bad[index] = error.reason
            if len(bad) == MAX_FAILURES and too_many(len(bad), len(self), self.max_bad_share):
                raise unreadable(bad, len(self), self.names, self.max_bad_share, complete=False)
        raise unreadable(bad, len(self), self.names, self.max_bad_share)

    def _warn_damaged(self, index: int) -> None:
        if self._warned:
            return
        self._warned = True
        # Another process may be making the cache anew, or have done so; and one that cannot be written is still read.
        with suppress(DatasetError, OSError), file_lock(self._lock_file, wait=False) as held:
            if held and not (self._stored.open() and self._stored.row(index) is not None):
                self._stored.forget()
        warnings.warn(
            "the cache of decoded images is damaged; the damaged ones are decoded again one by one (slower, the same "
            "result), and the next run makes the cache anew.",
            stacklevel=3,
        )


def _signature(path: str) -> bytes:
    """Return the signature of a file; zeros for one that is not there, so that the key is another once it is."""
    try:
        return file_signature(path)
    except OSError:
        return bytes(16)
