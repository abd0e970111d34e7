"""Cache of decoded images: decode once, augment often.

One :class:`~monai_mocoi.data.decoded_file.DecodedFile` a list of images, in ``user_cache_dir()/decoded``. Its key is a
hash of everything on which the pixels depend, so that a changed file or setting never meets an old result.
"""

import warnings
from contextlib import suppress
from pathlib import Path

import torch

from monai_mocoi.data.decode import ImageList, Levels, Take
from monai_mocoi.data.decode_errors import changed_in_the_run, image_error, image_name
from monai_mocoi.data.decoded_file import DecodedFile
from monai_mocoi.data.describe import decode_key, signature
from monai_mocoi.data.parallel import share_of_cpus
from monai_mocoi.data.shared_decoding import SharedDecoding
from monai_mocoi.errors import DatasetError, ImageDecodeError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.transforms.rounding import dequantise


class DecodedCache:
    """The decoded pictures of a list of files; made on first use, then read from one memory-mapped file.

    Several processes may open the same cache at once: one makes it, and the others decode parts of it for that one. A
    row whose checksum is wrong is decoded again, and put into its place. All files have one decoded shape, and their
    ``decode`` describes itself (see :func:`~monai_mocoi.data.describe_settings`). ``cache_dir`` None means
    ``user_cache_dir()/decoded``. Raises DatasetError: no files, files of different shapes, too many that cannot be
    read. Raises CacheFullError: too little room on the disk; nothing half written is left. Raises MemoryError: too
    little memory to decode an image.
    """

    def __init__(self, images: ImageList, cache_dir: str | Path | None = None, progress: bool = True) -> None:
        if len(images) == 0:
            raise DatasetError("the list of images to decode is empty.")
        self.images = images
        folder = Path(cache_dir) if cache_dir is not None else user_cache_dir() / "decoded"
        self._signatures = [signature(path) for path in images.paths]
        self.key = decode_key(images.decode, images.bits, self._signatures)
        self._stored = DecodedFile(folder, self.key, len(self), images.bits)
        self._shared = SharedDecoding(images, folder / f"{self.key}.parts")
        self._lock_file = folder / f"{self.key}.lock"
        self._warned = False
        if not self._is_up_to_date():
            with self._shared.locked_or_helping(self._lock_file):
                if not self._is_up_to_date():  # another process may have made it meanwhile
                    self._make(progress)
                self._shared.clear()
        images.refuse_too_many(self.bad)

    @property
    def bad(self) -> dict[int, str]:
        """Why each unreadable file cannot be read, by its index, in order.

        A cache that was made earlier remembers them. When it is opened they alone are tried again, and it is made anew
        if one can be read now: its disk or the rights of its folder, which its signature does not show, were mended.
        """
        return self._stored.bad

    @property
    def file(self) -> Path:
        """The array's file."""
        return self._stored.path

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Return picture ``index`` as (C, H, W) float32 in 0..1; errors as of :meth:`levels`."""
        return dequantise(self.levels(index))

    def levels(self, index: int) -> Levels:
        """Picture ``index`` (C, H, W) in the 8 or 16 bits of the cache.

        Raises ImageDecodeError: the file is one of ``bad``; or its row is damaged and the file has changed, or can no
        longer be read, since the cache was opened.
        """
        if index in self.bad:
            raise image_error(index, self.images.names, self.bad[index])
        row = self._stored.row(index)
        if row is None:
            self._warn_of_damage()
            row = self._again(index)
            self._mend(index, row)
        return row

    def _again(self, index: int) -> Levels:
        """Decode a file whose row is damaged, if it is still the file from which the row was made."""
        if signature(self.images.paths[index]) != self._signatures[index]:
            reason = "its file was changed, replaced or removed"
            raise changed_in_the_run(image_error(index, self.images.names, reason))
        try:
            return self.images.decoded(index)
        except ImageDecodeError as error:
            raise changed_in_the_run(error) from None

    def _is_up_to_date(self) -> bool:
        return self._stored.open() and not any(self._readable(index) for index in self.bad)

    def _readable(self, index: int) -> bool:
        try:
            self.images.decoded(index)
        except ImageDecodeError:
            return False
        return True

    def _make(self, progress: bool) -> None:
        self._stored.forget()
        shape = self.images.shape()

        def fill(take: Take) -> dict[int, str]:
            def checked(index: int, row: Levels, checksum: int) -> None:
                if row.shape != shape:
                    raise DatasetError(
                        f"{image_name(index, self.images.names)}: its decoded shape is {row.shape}, but that of the "
                        f"first image is {shape}. End decode with a step that gives all images one size and number of "
                        "channels."
                    )
                take(index, row, checksum)

            return self.images.decode_all(checked, share_of_cpus(), progress, self._shared.work())

        try:
            self._stored.write(shape, fill)
        finally:
            self._shared.clear()
        if not self._stored.open():
            raise DatasetError(
                "the cache of decoded images could not be read back after it was written; look at the disk, set "
                "MONAI_MOCOI_CACHE to a folder on another one, or use cache=False."
            )

    def _warn_of_damage(self) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                "the cache of decoded images is damaged; what is damaged is decoded again and, where the cache can be "
                "written, mended (slower, the same result). If it comes again, look at its disk.",
                stacklevel=4,
            )

    def _mend(self, index: int, row: Levels) -> None:
        # Another process may be making the cache anew, or have done so; and one that cannot be written is still read.
        with suppress(DatasetError, OSError), file_lock(self._lock_file, wait=False) as held:
            is_whole = not held or (self._stored.open() and self._stored.row(index) is not None)
            if not is_whole and not self._stored.mend(index, row):
                self._stored.forget()  # the next run makes it anew
