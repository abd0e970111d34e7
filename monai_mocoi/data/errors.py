"""The errors of the data layer: one family, so that a command can show any of them as a plain sentence."""

from __future__ import annotations

from monai_mocoi.exit_codes import DATA, DISK_FULL, USAGE


class DatasetError(ValueError):
    """A dataset folder, its list, its images or its cache cannot be used; the text says why and what to do next."""

    exit_code = DATA


class RefusedError(DatasetError):
    """An option or an output folder is refused before anything is changed."""

    exit_code = USAGE


class CacheFullError(DatasetError):
    """There is no room for the cache of decoded images; nothing half written is left."""

    exit_code = DISK_FULL


class NothingLearntError(DatasetError):
    """No class has both a positive and a negative image among those drawn.

    Args:
        text: the whole sentence.
        images: how many were drawn.
    """

    def __init__(self, text: str, images: int) -> None:
        super().__init__(text)
        self.images = images


class ImageDecodeError(DatasetError):
    """One image cannot be read.

    Args:
        text: the whole sentence, with the image's row and name.
        reason: the reader's reason alone, without row, name and path.
    """

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)  # the text alone, so that pickling and a DataLoader's workers can make it anew
        self.reason = reason
