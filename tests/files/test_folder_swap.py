from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.files.folder_swap import delete_leftovers, replaced


def replace(folder: Path, text: str) -> None:
    with replaced(folder) as made:
        assert list(made.iterdir()) == []
        (made / "new").write_text(text)


def test_a_folder_takes_the_place_of_nothing_of_an_empty_one_and_of_a_full_one(tmp_path: Path) -> None:
    folder = tmp_path / "above" / "x"
    replace(folder, "1")
    (folder / "old" / "deep").mkdir(parents=True)
    replace(folder, "2")
    assert [path.name for path in folder.iterdir()] == ["new"]
    (folder / "new").unlink()
    replace(folder, "3")
    assert (folder / "new").read_text() == "3"
    assert list(folder.parent.iterdir()) == [folder]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    replace(folder, "old")

    def fail() -> None:
        with replaced(folder) as made:
            (made / "half").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (folder / "new").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "other disk").mkdir()
    link = tmp_path / "x"
    link.symlink_to(tmp_path / "other disk", target_is_directory=True)
    replace(link, "1")
    assert link.is_symlink()
    assert (tmp_path / "other disk" / "new").read_text() == "1"


def test_leftovers_of_this_folder_alone_are_deleted(tmp_path: Path) -> None:
    names = (".x.being-made", ".x.being-deleted")
    others = (".x.y.being-made", "x", ".x.lock")
    for name in (*names, *others):
        (tmp_path / name / "in").mkdir(parents=True)
    delete_leftovers(tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_what_cannot_be_deleted_is_named_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replace(tmp_path / "x", "old")

    def busy(path: Any) -> None:
        if Path(path).exists():
            raise OSError(16, "Device or resource busy")
        raise FileNotFoundError

    with monkeypatch.context() as stuck:
        stuck.setattr(shutil, "rmtree", busy)
        replace(tmp_path / "x", "new")
    assert (tmp_path / "x" / "new").read_text() == "new"
    assert ".x.being-deleted cannot be deleted (Device or resource busy)" in caplog.text
    delete_leftovers(tmp_path / "x")
    assert os.listdir(tmp_path) == ["x"]
