"""Freed memory that the process keeps."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is set")

CODE = """
import ctypes, resource
from monai_mocoi.runs.kept_memory import keep_freed_memory
kept, libc, size = keep_freed_memory(), ctypes.CDLL(None), 2**26
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
def use():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(size)
    libc.memset(block, 1, size)
    libc.free(block)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize() / size
use()
print(kept, use() < 0.1)
"""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "True True"),
        ({"MALLOC_MMAP_THRESHOLD_": "1000000"}, "False False"),
        ({"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1000000"}, "False False"),
    ],
)
def test_a_block_is_not_asked_for_anew_unless_the_user_set_the_allocator(
    variables: dict[str, str], expected: str
) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_PRE"))}
    done = subprocess.run([sys.executable, "-c", CODE], env=own | variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
