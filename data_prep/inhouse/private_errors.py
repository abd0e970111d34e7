"""Texts of unexpected errors, which could hold a path or an id, go to the private log instead of the console."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.source import Refused
from monai_mocoi.errors import DatasetError


@contextmanager
def told_privately(private: PrivateFolder) -> Iterator[None]:
    """Keep the text of an unexpected error from the console.

    Args:
        private: its log gets the text.

    Raises:
        OSError: without any name; its number tells a full disk.
        DatasetError: for any other unexpected error. What was written to be read (``DatasetError``, ``Refused``), and a
            lack of memory, pass.
    """
    try:
        yield
    except (DatasetError, Refused, MemoryError):
        raise
    except OSError as error:  # its text names the file
        with suppress(OSError):
            private.log(traceback.format_exc())
        raise OSError(error.errno, f"{error.strerror}; private.log in --private says where") from None
    except Exception as error:
        private.log(traceback.format_exc())
        raise DatasetError(
            f"an unexpected error ({type(error).__name__}); its text is in private.log in --private. Please report "
            "it without names."
        ) from None
