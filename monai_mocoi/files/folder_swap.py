"""A folder that takes another's place and is never there by halves, whatever kills the process.

The new one is made beside it, hidden, as ``.<name>.being-made``, and renamed; the old one is deleted as
``.<name>.being-deleted``. What a killed process leaves under these names is deleted by the next one.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monai_mocoi.files.atomic_write import sync_folder

logger = logging.getLogger(__name__)


def delete_leftovers(folder: Path) -> None:
    """Delete what killed processes left beside a folder; only to be called where no other one makes it."""
    for path in _siblings(folder):
        _delete(path)


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; when the block ends well it becomes ``folder``, and what was there is deleted.

    ``folder`` need not exist; only one process at a time may replace it. When the block raises, nothing is left.
    """
    delete_leftovers(folder)
    folder = folder.resolve()
    made, deleted = _siblings(folder)
    made.mkdir(parents=True)
    try:
        yield made
        if folder.exists():
            os.replace(folder, deleted)
        os.replace(made, folder)
    except BaseException:
        _delete(made)
        raise
    sync_folder(folder.parent)
    _delete(deleted)


def _siblings(folder: Path) -> tuple[Path, Path]:
    folder = folder.resolve()  # behind a link, so that all are on one file system
    return folder.with_name(f".{folder.name}.being-made"), folder.with_name(f".{folder.name}.being-deleted")


def _delete(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:  # no reason not to run
        logger.warning("%s cannot be deleted (%s); the next start tries again.", folder, error.strerror)
