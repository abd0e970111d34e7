from __future__ import annotations

import pytest

from monai_mocoi.data.atomic_write import atomic_path, write_bytes, write_json


def test_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "x.npy"
    with atomic_path(target) as temporary:
        temporary.write_text("all")
        assert temporary.suffix == ".npy"
        assert not target.exists()
    assert target.read_text() == "all"
    assert [path.name for path in target.parent.iterdir()] == ["x.npy"]


def test_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_json_and_bytes(tmp_path):
    write_json(tmp_path / "a.json", {"ä": [1, 2]}, indent=None)
    assert (tmp_path / "a.json").read_bytes() == '{"ä": [1, 2]}\n'.encode()
    write_bytes(tmp_path / "a.json", b"x")
    assert (tmp_path / "a.json").read_bytes() == b"x"
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", float("nan"))
    assert (tmp_path / "a.json").read_bytes() == b"x"
