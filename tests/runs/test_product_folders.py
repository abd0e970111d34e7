from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_mocoi.errors import RunFolderError, SettingsError
from monai_mocoi.runs import check_analysis_folder, check_evaluation_folder, check_inference_folder
from monai_mocoi.runs.product_folders import check_can_be_written, empty_inference_folder
from monai_mocoi.runs.product_names import ANALYSIS_NAME
from monai_mocoi.runs.run_folder_check import check_run_folder


def test_a_new_or_an_empty_folder_will_do_and_stays_as_it_is(tmp_path: Path) -> None:
    check_evaluation_folder(tmp_path / "runs" / "evaluation", False)
    check_evaluation_folder(tmp_path, False)
    (tmp_path / "classifier.pt").touch()
    check_evaluation_folder(str(tmp_path), False)
    assert os.listdir(tmp_path) == ["classifier.pt"]


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv"])
def test_an_earlier_evaluation_is_replaced_only_when_told_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(RunFolderError, match=rf"already holds an evaluation \({name}\)") as caught:
        check_evaluation_folder(tmp_path, False)
    assert caught.value.exit_code == 2
    check_evaluation_folder(tmp_path, True)
    assert (tmp_path / name).exists()


def test_files_and_dataset_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunFolderError, match="is a file, but a folder is needed"):
            check_evaluation_folder(place, True)
    (tmp_path / "datalist.json").touch()
    with pytest.raises(RunFolderError, match=r"it holds datalist\.json"):
        check_evaluation_folder(tmp_path, True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunFolderError, match="cannot be written"):
        check_evaluation_folder(tmp_path / "evaluation", False)


@pytest.mark.parametrize("overwrite", ["false", "False", False])
def test_the_text_false_overwrites_nothing(overwrite: bool | str, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").touch()
    check_evaluation_folder(tmp_path, "true")
    with pytest.raises(RunFolderError, match="already holds an evaluation"):
        check_evaluation_folder(tmp_path, overwrite)


def test_what_is_neither_true_nor_false_is_refused_in_an_empty_folder_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="overwrite is 'no'"):
        check_evaluation_folder(tmp_path, "no")


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("content")
    return folder


@pytest.mark.parametrize("product", ["classified.csv", "grad_cam/row000001_a.png"])
def test_an_earlier_inference_is_replaced_only_when_told_so(tmp_path: Path, product: str) -> None:
    folder = filled(tmp_path / "out", product, "mine.txt", "grad_cam/mine.png")
    with pytest.raises(RunFolderError, match="already holds predictions"):
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


def test_an_analysis_may_go_into_a_new_or_empty_folder(tmp_path: Path) -> None:
    check_analysis_folder(tmp_path / "new", False)
    check_analysis_folder(tmp_path, "false")
    assert list(tmp_path.iterdir()) == []


def test_an_analysis_is_replaced_only_if_told_so(tmp_path: Path) -> None:
    (tmp_path / ANALYSIS_NAME).touch()
    with pytest.raises(RunFolderError, match="already holds an analysis"):
        check_analysis_folder(tmp_path, False)
    check_analysis_folder(tmp_path, "true")


def test_anything_else_than_an_analysis_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "datalist.json").touch()
    with pytest.raises(RunFolderError, match="something else"):
        check_analysis_folder(tmp_path, True)
    with pytest.raises(RunFolderError, match="is a file"):
        check_analysis_folder(tmp_path / "datalist.json", True)
    with pytest.raises(SettingsError, match="overwrite"):
        check_analysis_folder(tmp_path, "perhaps")


def test_a_file_in_the_way_is_named_with_the_setting(tmp_path: Path) -> None:
    check_can_be_written(tmp_path / "new" / "folder", "place")
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunFolderError, match=r"is a file, but a folder is needed: set place"):
            check_can_be_written(folder, "place")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("folder", ["~/runs", "~someone/runs", "~"])
def test_a_home_folder_that_the_shell_left_is_no_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError, match="begins with '~'"):
        check_can_be_written(Path(folder), "run_dir")
    with pytest.raises(RunFolderError, match="begins with '~'"):
        check_run_folder(Path(folder), overwrite=True, resume=False, settings={})
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
        with pytest.raises(RunFolderError, match=f"lies in the package chest.*{setting}"):
            check_run_folder(Path(folder), overwrite=False, resume=True, settings=settings)
    assert check_run_folder(Path("../runs/x"), overwrite=False, resume=False, settings=settings) is None
    (tmp_path / "chest/models/model.pt").unlink()
    assert check_run_folder(Path("runs/x"), overwrite=False, resume=False, settings=settings) is None
