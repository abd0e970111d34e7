from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_mocoi.errors import RunFolderError
from monai_mocoi.runs.product_folder import check_can_be_written
from monai_mocoi.runs.run_folder_check import check_usable


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


@pytest.mark.parametrize("settings", [{}, {"trainable": "all"}])
def test_no_run_goes_into_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict) -> None:
    for file in ("models/model.pt", "configs/inference.json"):
        (tmp_path / "chest" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "chest" / file).touch()
    (tmp_path / "link").symlink_to(tmp_path / "chest")
    setting = "run_dir" if settings else "output_dir"
    monkeypatch.chdir(tmp_path / "chest")
    for folder in ("runs/x", tmp_path / "chest", tmp_path / "link" / "runs"):
        with pytest.raises(RunFolderError, match=f"lies in the package chest.* by --{setting} FOLDER"):
            check_usable(Path(folder), overwrite=False, resume=True, settings=settings)
    assert check_usable(Path("../runs/x"), overwrite=False, resume=False, settings=settings) is None
    (tmp_path / "chest/models/model.pt").unlink()
    assert check_usable(Path("runs/x"), overwrite=False, resume=False, settings=settings) is None
