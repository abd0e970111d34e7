"""Errors of reading: whatever a file holds, it ends in a picture or an ``ImageReadError``, and nothing is logged."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np

from monai_mocoi.errors import ConstantImageError, ImageReadError

MAX_PIXELS = 100_000_000
"""The largest picture that is read, in pixels (rows x columns); 10,000 x 10,000, 400 MB a channel as float32."""
WINDOW_IGNORED = "a window or look-up table of the DICOM header cannot be used and was ignored"
"""A note of :func:`~monai_mocoi.transforms.read_image`."""
_FEW = 64  # every so manieth row and column


def is_constant(image: np.ndarray) -> bool:
    """Tell whether each channel of (C, rows, columns) has one value only."""
    first = image[:, :1, :1]
    # Nearly every picture shows it in a few pixels, without a pass over all of them.
    return bool((image[:, ::_FEW, ::_FEW] == first).all() and (image == first).all())


def check_not_constant(image: np.ndarray, why: str = "") -> None:
    """Refuse a picture (C, rows, columns) each of whose channels has one value; ``why``: what made it so, if known."""
    if is_constant(image):
        reason = f": {why}" if why else ""
        raise ConstantImageError(
            f"all pixels of the picture have the same value, so it shows nothing{reason}; export it again or drop it"
        )


def check_size(rows: int, columns: int) -> None:
    """Refuse a picture that is empty or larger than :data:`MAX_PIXELS`, before its pixels are decoded."""
    if rows < 1 or columns < 1:
        raise ImageReadError(f"the picture has {rows} rows and {columns} columns; it needs at least 1 x 1")
    if rows * columns > MAX_PIXELS:
        raise ImageReadError(
            f"the picture has {rows} x {columns} = {rows * columns} pixels; the limit is {MAX_PIXELS}. "
            "Cut it into tiles or make it smaller first"
        )


@contextmanager
def guarded(trouble: str) -> Iterator[None]:
    """Turn every exception into an :class:`ImageReadError`, and silence the libraries' warnings and logs.

    Their texts quote the file, which can name a patient: hence only the exception's type is passed on, behind
    ``trouble``, and the chain is cut. A ``MemoryError`` passes, because it is no reason to call the file bad.
    """
    with _SILENCE:
        try:
            yield
        except (ImageReadError, MemoryError):
            raise
        except Exception as error:
            raise ImageReadError(f"{trouble} ({type(error).__name__})") from None


def silenced() -> AbstractContextManager[None]:
    """Silence them for all of a reading: each time that the last thread leaves costs a walk through all loggers."""
    return _SILENCE


class _Silence(AbstractContextManager[None]):
    """No warning of any library and no log record of pydicom and Pillow while at least one thread is inside.

    ``warnings.catch_warnings`` alone is not safe with threads: of two that overlap, the first to leave would switch the
    warnings on again under the second. Hence the count.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._loggers = [logging.getLogger(name) for name in ("pydicom", "PIL")]

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._warnings = warnings.catch_warnings()
                self._warnings.__enter__()
                warnings.simplefilter("ignore")
                self._levels = [logger.level for logger in self._loggers]
                for logger in self._loggers:
                    logger.setLevel(logging.CRITICAL + 1)
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for logger, level in zip(self._loggers, self._levels, strict=True):
                    logger.setLevel(level)
                self._warnings.__exit__(None, None, None)


_SILENCE = _Silence()
