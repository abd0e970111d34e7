"""Decode: from an image file to whole numbers of 8 or 16 bits, one file or a whole list."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.data.decode_errors import (
    MAX_FAILURES,
    Names,
    image_error,
    image_name,
    raise_for_the_machine,
    too_many,
    unreadable,
    warn_of_ignored_windows,
    without_path,
)
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import DatasetError, ImageDecodeError, ImageReadError
from monai_mocoi.transforms.dicom import WINDOW_IGNORED
from monai_mocoi.transforms.reader import collected_notes
from monai_mocoi.transforms.rounding import quantise

Decode = Callable[[str], torch.Tensor]
"""Path -> tensor (C, H, W), values 0..1; deterministic."""

Levels = NDArray[np.unsignedinteger[Any]]
"""A decoded picture (C, H, W), uint8 or uint16."""

_Read = TypeVar("_Read")


def decode_one(decode: Decode, path: str, index: int, bits: int, names: Names) -> Levels:
    """Decode and round one file.

    Args:
        decode: see ``Decode``.
        path: the file.
        index: its index in its split, for the error.
        bits: 8 or 16.
        names: what to call the files in an error; None names the index only.

    Raises:
        ImageDecodeError: it cannot be read, holds values that are not finite or outside 0..1, or rounding leaves one
            value of it; the text has the index, the name and the reader's reason.
        MemoryError, DatasetError: the machine has too little memory, or no file handle or disk left: not the image's
            fault.
    """
    return read_one(lambda: np.ascontiguousarray(quantise(decode(path), bits)), path, index, names)


def read_one(read: Callable[[], _Read], path: str, index: int, names: Names) -> _Read:
    """Call what reads one file, and turn what goes wrong into an error of the image's or of the machine's.

    Args:
        read: reads the file.
        path, index, names: as for :func:`decode_one`; the path is taken out of every text.

    Raises:
        ImageDecodeError, MemoryError, DatasetError: as :func:`decode_one`.
    """
    try:
        return read()
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        raise_for_the_machine(error, f"{image_name(index, names)}: ")
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
            reason = without_path(reason, path)
        raise image_error(index, names, reason) from None  # the chain is cut, for its texts could hold the path


def decode_all(
    decode: Decode,
    paths: Sequence[str],
    bits: int,
    names: Names = None,
    max_bad_share: float | None = None,
    take: Callable[[int, Levels, int], None] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> dict[int, str]:
    """Decode every file once, in threads, and log how many have a window that cannot be used.

    Args:
        decode, bits, names: as for :func:`decode_one`.
        paths: the files.
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

    def one(index: int) -> tuple[Levels, int, bool] | str:
        try:
            with collected_notes() as notes:
                row = decode_one(decode, paths[index], index, bits, names)
        except ImageDecodeError as error:
            return error.reason
        return row, checksum(row), WINDOW_IGNORED in notes

    bad: dict[int, str] = {}
    ignored, complete, total = 0, True, len(paths)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # decoding threads that each open a pool of their own would only slow one another
    try:
        with closing(map_in_threads(one, range(total), total, workers, "decoding", progress)) as results:
            for index, result in results:
                if not isinstance(result, str):
                    ignored += result[2]
                    if take is not None:
                        take(index, *result[:2])
                    continue
                bad[index] = result
                if len(bad) >= MAX_FAILURES and too_many(len(bad), total, max_bad_share):
                    complete = False
                    break
    finally:
        torch.set_num_threads(threads)
    bad = dict(sorted(bad.items()))
    if too_many(len(bad), total, max_bad_share):
        raise unreadable(bad, total, names, max_bad_share, complete)
    warn_of_ignored_windows(ignored, total - len(bad))
    return bad


def checksum(row: NDArray[Any]) -> int:
    """CRC-32 of a picture's values."""
    return zlib.crc32(np.ascontiguousarray(row).data)
