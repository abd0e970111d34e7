from __future__ import annotations

import os

import pytest

from monai_mocoi.files.atomic_write import atomic_path, remove_leftovers, sync_folder, write_bytes, write_json


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


def test_leftovers_of_a_killed_process(tmp_path):
    with atomic_path(tmp_path / "a.b.npy") as first, atomic_path(tmp_path / "c.npy") as second:
        first.touch()
        second.touch()
        for path in (first, second):  # as if the process had ended here
            (tmp_path / ("x" + path.name)).hardlink_to(path)
    for path in tmp_path.glob("x*"):
        path.rename(tmp_path / path.name[1:])
    assert len(list(tmp_path.iterdir())) == 4
    remove_leftovers(tmp_path, "c")
    assert len(list(tmp_path.iterdir())) == 3
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.b.npy", "c.npy"]
    remove_leftovers(tmp_path / "none")


def test_file_and_name_reach_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append((os.fstat(descriptor).st_ino, names())))

    def names():
        return [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]

    write_bytes(tmp_path / "a", b"x")
    file, folder = (tmp_path / "a").stat().st_ino, tmp_path.stat().st_ino
    assert synced == [(file, []), (folder, ["a"])]  # the content before the name


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    sync_folder(tmp_path / "none")

    def refuse(descriptor):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    sync_folder(tmp_path)
