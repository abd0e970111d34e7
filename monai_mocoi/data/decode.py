"""Decode: from an image file to whole numbers of 8 or 16 bits, one file or a whole list."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.data.decode_errors import MAX_FAILURES, Names, read_one, too_many, unreadable, warn_of_ignored_windows
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import DatasetError, ImageDecodeError
from monai_mocoi.transforms.image_errors import WINDOW_IGNORED
from monai_mocoi.transforms.reader import collected_notes
from monai_mocoi.transforms.rounding import DTYPES, quantise

Decode = Callable[[str], torch.Tensor]
"""Path -> tensor (C, H, W), values 0..1; deterministic."""

Levels = NDArray[np.unsignedinteger[Any]]
"""A decoded picture (C, H, W), uint8 or uint16."""

Decoded = tuple[Levels, int, bool] | str
"""Picture and checksum of an image, and whether its window was ignored; or why it cannot be read."""

Take = Callable[[int, Levels, int], None]
"""Is given index, picture and checksum of an image."""


@dataclass(frozen=True)
class ImageList:
    """A list of image files, and how they are decoded.

    ``bits``, 8 or 16, are of a value; ``names`` is what to call the files in an error (None: the index only);
    ``max_bad_share``, 0..1, is how many may be unreadable (None: not one).
    """

    paths: Sequence[str]
    decode: Decode
    bits: int = 8
    names: Names = None
    max_bad_share: float | None = None

    def __post_init__(self) -> None:
        if self.bits not in DTYPES:
            raise DatasetError(f"bits is {self.bits}; a decoded value takes 8 or 16 bits.")

    def __len__(self) -> int:
        return len(self.paths)

    def decoded(self, index: int) -> Levels:
        """Decode and round one file; errors as of :func:`~monai_mocoi.data.decode_errors.read_one`.

        Unreadable is also what has values that are not finite or outside 0..1, or one value after rounding.
        """
        path = self.paths[index]
        return read_one(lambda: np.ascontiguousarray(quantise(self.decode(path), self.bits)), path, index, self.names)

    def looked_at(self, index: int) -> Decoded:
        """Decode one file; what is wrong with it is no error."""
        try:
            with collected_notes() as notes:
                row = self.decoded(index)
        except ImageDecodeError as error:
            return error.reason
        return row, checksum(row), WINDOW_IGNORED in notes

    def decode_all(
        self,
        take: Take | None = None,
        workers: int | None = None,
        progress: bool = True,
        work: Iterable[tuple[int, Decoded | None]] | None = None,
    ) -> dict[int, str]:
        """Decode every file once, in threads, and log how many have a window that cannot be used.

        ``take`` is called in this thread for each file that can be read, as they are ready; None only looks.
        ``workers`` are threads; None: one a usable processor. ``work``: each index once, in any order, with what is
        known of the image already, if anything. Returns why each unreadable file cannot be read, by its
        index, in order. Raises DatasetError: more files than allowed cannot be read, or none can.
        """

        def one(item: tuple[int, Decoded | None]) -> tuple[int, Decoded]:
            index, known = item
            return index, self.looked_at(index) if known is None else known

        work = ((index, None) for index in range(len(self))) if work is None else work
        bad: dict[int, str] = {}
        ignored = 0
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # decoding threads that each open a pool of their own would only slow one another
        try:
            with closing(map_in_threads(one, work, len(self), workers, "decoding", progress)) as results:
                for _, (index, result) in results:
                    if isinstance(result, str):
                        bad[index] = result
                        if len(bad) >= MAX_FAILURES:
                            self.refuse_too_many(dict(sorted(bad.items())), complete=False)
                        continue
                    ignored += result[2]
                    if take is not None:
                        take(index, *result[:2])
        finally:
            torch.set_num_threads(threads)
        bad = dict(sorted(bad.items()))
        self.refuse_too_many(bad)
        warn_of_ignored_windows(ignored, len(self) - len(bad))
        return bad

    def shape(self) -> tuple[int, ...]:
        """Return the decoded shape of the first image that can be read. Raises DatasetError: as :meth:`decode_all`."""
        bad: dict[int, str] = {}
        for index in range(len(self)):
            try:
                return self.decoded(index).shape
            except ImageDecodeError as error:
                bad[index] = error.reason
            if len(bad) == MAX_FAILURES:
                self.refuse_too_many(bad, complete=False)
        raise unreadable(bad, len(self), self.names, self.max_bad_share)

    def refuse_too_many(self, bad: dict[int, str], complete: bool = True) -> None:
        """Refuse a list of which more than ``max_bad_share`` cannot be read; ``complete``: all were looked at."""
        if too_many(len(bad), len(self), self.max_bad_share):
            raise unreadable(bad, len(self), self.names, self.max_bad_share, complete)


def checksum(row: NDArray[Any]) -> int:
    """CRC-32 of a picture's values."""
    return zlib.crc32(np.ascontiguousarray(row).data)
