from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_prep.inhouse.export_tree import LINK_NOWHERE, LINK_OUT, LINK_WITHIN, NO_FILE, list_tree
from monai_mocoi.errors import RefusedError


def keys(folders: list[Path]) -> list[str]:
    return [own.key for own in list_tree([str(folder) for folder in folders]).files]


def make(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_files_are_listed_once_at_any_depth(tmp_path: Path) -> None:
    make(tmp_path / "b")
    make(tmp_path / "a" / "c" / "IM1")
    assert keys([tmp_path]) == ["a/c/IM1", "b"]
    assert keys([tmp_path, tmp_path / "a"]) == ["1/a/c/IM1", "1/b"]  # the second lies within the first
    assert keys([tmp_path / "a", tmp_path]) == ["1/c/IM1", "2/b"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    export, outside = tmp_path / "export", tmp_path / "outside"
    make(export / "IM1")
    make(outside / "secret")
    (export / "file_out").symlink_to("../outside/secret")
    (export / "folder_out").symlink_to("../outside")
    (export / "within").symlink_to("IM1")
    (export / "circle").symlink_to(".")
    (export / "nowhere").symlink_to("not_there")
    os.mkfifo(export / "pipe")
    tree = list_tree([str(export)])
    assert [own.key for own in tree.files] == ["IM1"]
    found = {reason: sorted(own.key for own in left) for reason, left in tree.left_out.items()}
    assert found == {
        LINK_OUT: ["file_out", "folder_out"],
        LINK_WITHIN: ["circle", "within"],
        LINK_NOWHERE: ["nowhere"],
        NO_FILE: ["pipe"],
    }


def test_the_given_folder_may_be_a_link(tmp_path: Path) -> None:
    make(tmp_path / "real" / "IM1")
    (tmp_path / "export").symlink_to("real")
    assert keys([tmp_path / "export"]) == ["IM1"]


def test_a_name_that_is_no_utf8_can_be_written(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/M\xfcller"
    try:
        with open(path, "wb"):
            pass
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    own = list_tree([str(tmp_path)]).files[0]
    assert own.key == "M\\xfcller"
    assert own.key.encode()
    assert os.path.isfile(own.path)


def test_a_missing_folder_is_refused_without_its_name(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="folder 2 of 2 does not exist") as error:
        list_tree([str(tmp_path), str(tmp_path / "Qvistgaard")])
    assert "Qvistgaard" not in str(error.value)
