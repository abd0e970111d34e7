"""Errors of decoding: whose fault it is, how many may fail, and what is said, without a path or a patient's name."""

import errno
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from monai_mocoi.errors import DatasetError, ImageDecodeError, ImageReadError

logger = logging.getLogger(__name__)

_Read = TypeVar("_Read")

Names = Sequence[str | None] | None
"""What to call the images in an error, such as their published names; None: the index alone."""

ON_BAD_IMAGE = ("stop", "skip")
MAX_FAILURES = 20  # from so many unreadable images on, if they are too many, the others are not looked at

# Too little memory, disk or file handles: the machine's fault, so no image may be left out because of it.
_MACHINE = (errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)


def image_name(index: int, names: Names) -> str:
    """An image as an error calls it: by its index in its split and, where it has one, its name."""
    name = names[index] if names is not None else None
    return f"image {index}" + (f" ({name})" if name is not None else "")


def image_error(index: int, names: Names, reason: str) -> ImageDecodeError:
    """The error for one image that cannot be read."""
    return ImageDecodeError(f"{image_name(index, names)}: {reason}", reason)


def changed_in_the_run(error: ImageDecodeError, looked_at: bool = True) -> ImageDecodeError:
    """The error for an image that could be read when the run began; or, without ``looked_at``, may have been so."""
    said = (
        "It could be read when the run began, so it changed during the run. Look at the disk and at who writes to the "
        "dataset folder, restore the file, and start again."
        if looked_at
        else "Without the cache no image was looked at before, so it was so from the start or changed during the run. "
        "Repair it or take it out of the datalist; or leave such images out with on_bad_image skip."
    )
    return ImageDecodeError(f"{str(error).rstrip('.')}. {said}", error.reason)


def too_many(bad: int, total: int, max_bad_share: float | None) -> bool:
    """Whether more images than allowed cannot be read; ``max_bad_share`` None allows none."""
    return bad > 0 and (max_bad_share is None or bad == total or bad / total > max_bad_share)


def unreadable(
    bad: Mapping[int, str], total: int, names: Names, max_bad_share: float | None, complete: bool = True
) -> DatasetError:
    """The error for a list of images of which too many cannot be read; ``complete``: all were looked at."""
    count = f"{len(bad)} of {total} images" if complete else f"{len(bad)} or more of {total} images"
    some = "".join(f"\n  {image_name(index, names)}: {reason}" for index, reason in list(bad.items())[:5])
    some += "\n  ..." if len(bad) > 5 or not complete else ""
    mend = "Repair them (copy or export them again) or take them out of the datalist"
    if len(bad) == total:
        return DatasetError(f"{count} cannot be read, so none is left:{some}\n{mend}.")
    if max_bad_share is None:
        return DatasetError(f"{count} cannot be read:{some}\n{mend}; or leave them out with on_bad_image skip.")
    share = f"{'' if complete else 'at least '}{100 * len(bad) / total:.3g} %"
    return DatasetError(
        f"{count} ({share}) cannot be read; on_bad_image is skip, but max_bad_share is {max_bad_share:g} "
        f"({100 * max_bad_share:.3g} %):{some}\n{mend}; or, if so many may be missing, raise max_bad_share."
    )


def read_one(read: Callable[[], _Read], path: str, index: int, names: Names) -> _Read:
    """Call what reads one file, and turn what goes wrong into an error of the image's or of the machine's.

    ``path`` is taken out of every text; ``index`` and ``names`` say which image it is. Raises ImageDecodeError: it
    cannot be read; the text has the index, the name and the reader's reason. Raises MemoryError, DatasetError: the
    machine has too little memory, or no file handle or disk left: not the image's fault.
    """
    try:
        return read()
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        _raise_for_the_machine(error, f"{image_name(index, names)}: ")
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
        raise image_error(index, names, reason) from None  # the chain is cut, because its texts could hold the path


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


def warn_of_ignored_windows(ignored: int, total: int) -> None:
    """Log how many of the pictures that were read have a window that cannot be used; nothing if none has."""
    if ignored:
        logger.warning(
            "%d of %d pictures have a DICOM window or LUT that cannot be used; it was ignored, so they may be darker "
            "or flatter than meant.",
            ignored,
            total,
        )


def warn_of_skipped(bad: Mapping[int, str], total: int, names: Names) -> None:
    """Log each image that is left out because it cannot be read; nothing if none is."""
    if bad:
        share = 100 * len(bad) / total
        logger.warning(
            "on_bad_image is skip: %d of %d images (%.3g %%) cannot be read and are left out:", len(bad), total, share
        )
    for index, reason in bad.items():
        logger.warning("  skipped %s: %s", image_name(index, names), reason)


def check_list(images: int, seed: int, on_bad_image: str, max_bad_share: float) -> None:
    """DatasetError: no images, a seed below 0, no policy for unreadable images, or a share of them outside 0..1."""
    if images == 0:
        raise DatasetError("the split has no images; choose another split, or prepare a dataset folder with one.")
    if seed < 0:
        raise DatasetError(f"seed is {seed}; it must be 0 or more.")
    if on_bad_image not in ON_BAD_IMAGE:
        raise DatasetError(f"on_bad_image is {on_bad_image!r}; choose one of {', '.join(ON_BAD_IMAGE)}.")
    if type(max_bad_share) not in (int, float) or not 0 <= max_bad_share <= 1:
        raise DatasetError(f"max_bad_share is {max_bad_share!r}; it is a share of the split, from 0 to 1.")
