from __future__ import annotations

import os

import pytest

from monai_mocoi.data.file_signature import file_signature


def test_changes_with_content_time_and_place(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12")
    os.utime(path, ns=(1, 1))
    first = file_signature(str(path))
    assert len(first) == 16
    assert file_signature(os.path.relpath(path)) == first

    path.write_bytes(b"123")
    os.utime(path, ns=(1, 1))
    longer = file_signature(str(path))
    os.utime(path, ns=(1, 2))
    later = file_signature(str(path))
    moved = path.rename(tmp_path / "b")
    assert len({first, longer, later, file_signature(str(moved))}) == 4
    with pytest.raises(FileNotFoundError):
        file_signature(str(path))
