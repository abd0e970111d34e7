"""Whether a source file is still the one from which something was computed, without reading it or naming it."""

from __future__ import annotations

import hashlib
import os


def file_signature(path: str) -> bytes:
    """Return 16 bytes that change when a file is changed, replaced or moved.

    Args:
        path: an existing file.

    Returns:
        the first half of the SHA-256 of path, size in bytes and time of last change in nanoseconds: a one-way hash,
        so that no path can be read from a cache.

    Raises:
        OSError: the file does not exist or its folder cannot be searched.
    """
    status = os.stat(path)
    text = f"{os.path.abspath(path)}\0{status.st_size}\0{status.st_mtime_ns}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()[:16]
