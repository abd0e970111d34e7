"""Memory that a process keeps for its next allocations, instead of giving it back to the system after each.

A training step on a CPU allocates the same hundreds of megabytes again and again. glibc asks the system anew for every
block of more than 32 MiB, which then clears it page by page.
"""

import ctypes
import os
import platform

_TOP_PAD, _TRIM_THRESHOLD, _MMAP_THRESHOLD = -2, -1, -3  # of malloc.h
_SETTINGS = {_MMAP_THRESHOLD: 2**31 - 1, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**26}


def keep_freed_memory() -> bool:
    """Keep freed memory from now on; True if that could be set.

    Nothing changes without glibc, nor where the user set glibc's allocator by ``MALLOC_...`` or ``GLIBC_TUNABLES``, or
    took another by ``LD_PRELOAD``.
    """
    own = ("GLIBC_TUNABLES", "LD_PRELOAD")
    if platform.libc_ver()[0] != "glibc" or any(name in own or name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(name, value) == 1 for name, value in _SETTINGS.items())
