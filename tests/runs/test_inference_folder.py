from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_mocoi.errors import RunFolderError
from monai_mocoi.runs import check_inference_folder
from monai_mocoi.runs.inference_folder import empty_inference_folder


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("content")
    return folder


@pytest.mark.parametrize("product", ["classified.csv", "grad_cam/row000001_a.png"])
def test_an_earlier_inference_is_replaced_only_when_told_so(tmp_path: Path, product: str) -> None:
    folder = filled(tmp_path / "out", product, "mine.txt", "grad_cam/mine.png")
    with pytest.raises(RunFolderError, match=r"already holds predictions.*--overwrite true"):
        check_inference_folder(folder, overwrite=False)
    check_inference_folder(folder, overwrite=True)
    assert (folder / product).exists()
    empty_inference_folder(folder)
    assert not (folder / product).exists()
    assert (folder / "mine.txt").exists()
    assert (folder / "grad_cam" / "mine.png").exists()
    check_inference_folder(folder, overwrite=False)


def test_a_new_folder_is_not_made_by_asking(tmp_path: Path) -> None:
    check_inference_folder(tmp_path / "new" / "deeper", overwrite=False)
    assert not (tmp_path / "new").exists()
    empty_inference_folder(tmp_path / "new")


@pytest.mark.parametrize("other", ["datalist.json", "metrics.json", "manifest.json"])
def test_the_folder_of_something_else_is_refused_always(tmp_path: Path, other: str) -> None:
    folder = filled(tmp_path / "out", other, "classified.csv")
    with pytest.raises(RunFolderError, match="belongs to something else"):
        check_inference_folder(folder, overwrite=True)


def test_a_file_and_a_closed_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, "file")
    for place in ("file", "file/below"):
        with pytest.raises(RunFolderError, match="is a file"):
            check_inference_folder(tmp_path / place, overwrite=True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(RunFolderError, match="cannot be written"):
        check_inference_folder(tmp_path / "new", overwrite=False)
