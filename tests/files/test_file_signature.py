from __future__ import annotations

import os
import shutil
import time

import numpy as np
import PIL
import pytest

import monai_mocoi
from monai_mocoi.files import file_signature as module
from monai_mocoi.files.file_signature import file_signature


def _written(path, content: bytes) -> str:
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    return str(path)


def test_changes_with_content_time_and_place(tmp_path):
    path = tmp_path / "a"
    first = file_signature(_written(path, b"12"))
    assert len(first) == 16
    assert file_signature(str(path)) == file_signature(os.path.relpath(path)) == first

    longer = file_signature(_written(path, b"123"))
    os.utime(path, ns=(1, 2))
    later = file_signature(str(path))
    moved = path.rename(tmp_path / "b")
    assert len({first, longer, later, file_signature(str(moved))}) == 4
    with pytest.raises(FileNotFoundError):
        file_signature(str(path))


def test_files_of_one_size_and_time_that_change_places(tmp_path):
    a, b = (_written(tmp_path / name, name.encode() * 9) for name in "ab")
    before = [file_signature(path) for path in (a, b)]
    os.rename(a, tmp_path / "c")
    os.rename(b, a)
    os.rename(tmp_path / "c", b)
    assert os.stat(a).st_mtime_ns == os.stat(b).st_mtime_ns == 1
    assert len({*before, file_signature(a), file_signature(b)}) == 4


def test_a_copy_that_keeps_the_time(tmp_path):
    a, b = (_written(tmp_path / name, name.encode() * 9) for name in "ab")
    before = file_signature(b)
    inode = os.stat(b).st_ino
    time.sleep(0.02)  # beyond the tick of the file system's clock
    shutil.copy2(a, b)  # as cp -p does: the same inode
    assert (os.stat(b).st_ino, os.stat(b).st_mtime_ns) == (inode, 1)
    assert file_signature(b) != before


@pytest.mark.parametrize("place", [0, 9_000, 17_999])
def test_without_a_change_time_the_content_is_looked_at(tmp_path, monkeypatch, place):
    content = bytearray(18_000)
    path = _written(tmp_path / "a", bytes(content))

    class Status:
        def __init__(self, status, change_time):
            self.st_size, self.st_ino, self.st_mtime_ns = status.st_size, 0, 1
            self.st_ctime_ns = change_time

    change_time = 0
    monkeypatch.setattr(module.os, "stat", lambda path, real=os.stat: Status(real(path), change_time))
    before = file_signature(path)
    assert file_signature(path) == before
    content[place] = 1
    _written(tmp_path / "a", bytes(content))
    assert file_signature(path) != before

    change_time = 123_456_789
    seen = file_signature(path)
    _written(tmp_path / "a", bytes(18_000))
    assert file_signature(path) == seen  # a file is not read where its change time tells


def test_versions_are_those_of_the_modules(monkeypatch):
    found = module.decoder_versions()
    assert (found["numpy"], found["pillow"]) == (np.__version__, PIL.__version__)
    assert found["monai_mocoi"] == monai_mocoi.__version__
    monkeypatch.setattr(module, "_DECODERS", ("numpy", "no-such-package"))
    assert "no-such-package" not in module.decoder_versions()
