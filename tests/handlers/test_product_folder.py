from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_mocoi.handlers import RunFolderError
from monai_mocoi.handlers.product_folder import check_can_be_written
from monai_mocoi.handlers.run_folder_check import check_usable


def test_a_file_in_the_way_is_named_with_the_setting(tmp_path: Path) -> None:
    check_can_be_written(tmp_path / "new" / "folder", "place")
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunFolderError, match=r"file is a file, but a folder is needed: name another by --place"):
            check_can_be_written(folder, "place")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("folder", ["~/runs", "~someone/runs", "~"])
def test_a_home_folder_that_the_shell_left_is_no_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError, match="begins with '~'"):
        check_can_be_written(Path(folder), "run_dir")
    with pytest.raises(RunFolderError, match="begins with '~'"):
        check_usable(Path(folder), overwrite=True, resume=False, settings={})
    check_can_be_written(tmp_path / "~", "run_dir")
